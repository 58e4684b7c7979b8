"""What exists: namespaces and prompts, versions that never change, tags that move."""

from prompts.models.namespaces import Namespace, NamespacePolicy
from prompts.models.prompts import Contributor, Prompt, PromptVersion
from prompts.models.serving import Tag, TagMove

__all__ = ["Contributor", "Namespace", "NamespacePolicy", "Prompt", "PromptVersion", "Tag", "TagMove"]
