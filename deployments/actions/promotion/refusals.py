"""What stands in the way of serving something, each with its code."""

from collections.abc import Mapping, Sequence
from typing import Any

from prompts.models import PromptVersion
from pvc import answers
from pvc.errors import Conflict, Invalid


class UnknownTag(Invalid):
    code = "UNKNOWN_TAG"


class NoStaging(Invalid):
    code = "NO_STAGING"


class NoProduction(Invalid):
    code = "NO_PRODUCTION"


class NoPrevious(Invalid):
    code = "NO_PREVIOUS"


class NotPreProd(Conflict):
    code = "NOT_PRE_PROD"


class VersionRejected(Conflict):
    code = "REJECTED"


class OwnVersion(Conflict):
    code = "OWN_VERSION"


class AlreadyDecided(Conflict):
    code = "ALREADY_DECIDED"


class DigestMismatch(Conflict):
    code = "DIGEST_MISMATCH"


class Stale(Conflict):
    code = "STALE"


class NotAPreviousProduction(Conflict):
    code = "NOT_A_PREVIOUS_PRODUCTION"


class PromotionBlocked(Conflict):
    code = "PROMOTION_BLOCKED"


class PreProdTaken(Conflict):
    """Another version is in pre-production; the answer shows which (contract 4)."""

    code = "PRE_PROD_TAKEN"

    def __init__(self, present: PromptVersion) -> None:
        super().__init__(f"Version {present.number} is in pre-production already. Replace it by its id, or wait.")
        self.beside = {
            "conflict": True,
            "existing_pre_prod": {
                "version_id": str(present.pk),
                "version_number": present.number,
                "author_id": present.author.username,
                "body": present.content,
                "created_at": answers.moment(present.created_at),
            },
            "options": ["override", "merge"],
        }


class MergeConflict(Conflict):
    """Both changed the same; the answer shows where, and the draft that holds both texts (contract 4).

    Shown by the door, and raised by no verb: the draft is kept.
    """

    code = "MERGE_CONFLICT"

    def __init__(
        self, draft: PromptVersion | None, hunks: Sequence[Mapping[str, Any]], fields: Sequence[Mapping[str, Any]]
    ) -> None:
        todo = "Resolve what is marked in your draft" if draft else "The marked-up text is too long: resolve it by hand"
        super().__init__(f"Both versions changed the same. {todo}, and promote it again.")
        self.beside = {
            "conflict": True,
            "hunks": [*hunks],
            "fields": [*fields],
            "draft": {"id": str(draft.pk), "version_number": draft.number, "body": draft.content} if draft else None,
        }
