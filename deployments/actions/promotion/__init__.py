"""The policy of serving: every verb that moves or removes a tag, or records a decision.

Whatever asks the policy's questions on its way to production crosses `activation.activate`. Override and rollback are
verbs of their own, with a right, a reason and an audit verb of their own. Deciders hold the namespace's row, so that
no policy changes between the question and the move; the database asks the same once more (migration prompts 0004).
"""

from deployments.actions.promotion.decisions import Decided, approve, reject
from deployments.actions.promotion.pre_production import (
    MOST_TARGETS,
    Unmerged,
    common_base,
    merge_pre_prod,
    override_pre_prod,
    promote_pre_prod,
)
from deployments.actions.promotion.production import (
    REASON_CHARACTERS,
    Moved,
    override,
    promote,
    promote_active,
    rollback,
)
from deployments.actions.promotion.refusals import (
    AlreadyDecided,
    DigestMismatch,
    MergeConflict,
    NoPrevious,
    NoProduction,
    NoStaging,
    NotAPreviousProduction,
    NotPreProd,
    OwnVersion,
    PreProdTaken,
    PromotionBlocked,
    Stale,
    UnknownTag,
    VersionRejected,
)
from deployments.actions.promotion.tags import remove_tag, set_tag
from prompts.models.prompts import NotSealed

__all__ = [
    "MOST_TARGETS",
    "REASON_CHARACTERS",
    "AlreadyDecided",
    "Decided",
    "DigestMismatch",
    "MergeConflict",
    "Moved",
    "NoPrevious",
    "NoProduction",
    "NoStaging",
    "NotAPreviousProduction",
    "NotPreProd",
    "NotSealed",
    "OwnVersion",
    "PreProdTaken",
    "PromotionBlocked",
    "Stale",
    "UnknownTag",
    "Unmerged",
    "VersionRejected",
    "approve",
    "common_base",
    "merge_pre_prod",
    "override",
    "override_pre_prod",
    "promote",
    "promote_active",
    "promote_pre_prod",
    "reject",
    "remove_tag",
    "rollback",
    "set_tag",
]
