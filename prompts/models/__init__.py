"""What exists: namespaces and prompts, versions that never change, tags that move, decisions that are kept."""

from prompts.models.namespaces import BudgetTier, Namespace, NamespacePolicy, PolicyChange
from prompts.models.prompts import Contributor, Prompt, PromptVersion
from prompts.models.serving import Approval, PreProdTarget, Tag, TagMove

__all__ = [
    "Approval",
    "BudgetTier",
    "Contributor",
    "Namespace",
    "NamespacePolicy",
    "PolicyChange",
    "PreProdTarget",
    "Prompt",
    "PromptVersion",
    "Tag",
    "TagMove",
]
