"""What a key or a person may do: the scopes, and the groups that hold them (contract 2)."""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

#: Every scope, with the sentence that the console and the documentation show.
SCOPES: Final = MappingProxyType(
    {
        "prompts:read": "Read prompts, versions and tags; resolve and render.",
        "prompts:write": "Write prompts, versions, drafts and test cases; move the tags below production.",
        "prompts:promote": "Move what production serves: promote, roll back, archive.",
        "prompts:approve": "Approve and reject versions; decide policy changes.",
        "prompts:override": "Promote without approval, with a reason; always announced.",
        "evaluations:write": "Trigger evaluations.",
        "metrics:write": "Send metrics.",
        "deployments:write": "Create and change traffic splits.",
        "webhooks:write": "Manage webhook subscriptions.",
        "audit:read": "Read and verify the audit log.",
        "admin": "Manage namespaces, tiers, harnesses and API keys.",
        "gateway": "Name the acting user in X-User-Id; given by command only.",
    }
)

#: No person's right: only `manage.py create_api_key --gateway` gives it.
GATEWAY: Final = "gateway"
#: What a key that names its acting user never has, whoever that user is.
NEVER_THROUGH_A_GATEWAY: Final = frozenset({"prompts:override", "admin"})

_AUTHOR = frozenset({"prompts:read", "prompts:write", "evaluations:write", "deployments:write", "metrics:write"})
GROUPS: Final = MappingProxyType(
    {
        "Author": _AUTHOR,
        "Reviewer": _AUTHOR | {"prompts:promote", "prompts:approve"},
        "Operator": frozenset(
            {
                "prompts:read",
                "prompts:promote",
                "prompts:override",
                "webhooks:write",
                "deployments:write",
                "audit:read",
            }
        ),
        "Administrator": frozenset(SCOPES) - {GATEWAY},
    }
)


def scopes_of(groups: Iterable[str]) -> frozenset[str]:
    """The scopes that membership in these groups gives; an unknown group gives none."""
    return frozenset().union(*(GROUPS.get(group, frozenset()) for group in groups))
