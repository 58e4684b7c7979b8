"""What prompts, namespaces and tags may be called. Pure."""

import re
from typing import Final
from uuid import UUID

from pvc.errors import Invalid

#: Words that are routes, and so can name neither a prompt nor a namespace on any surface.
RESERVED: Final = frozenset({"namespaces", "templates", "versions", "resolve", "render", "pending-approvals", "audit"})
PROMPT_SLUG: Final = r"[a-z0-9-][a-z0-9_-]{0,99}"
NAMESPACE_SLUG: Final = r"[a-z0-9][a-z0-9_-]{0,62}"
TAG_NAME: Final = r"[a-z][a-z0-9._-]{0,35}"
DEFAULT_NAMESPACE: Final = "default"

PRODUCTION: Final = "production"
STAGING: Final = "staging"
BUILT_IN_TAGS: Final = ("draft", STAGING, PRODUCTION)


def is_uuid(text: str) -> bool:
    """Whether `text` reads as a UUID, in any of its spellings, and would be taken for an id."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def check_prompt_name(name: str, *, field: str = "name") -> None:
    """Raises Invalid unless `name` can be a prompt's name on the registry surface."""
    if not re.fullmatch(r"[a-z0-9-]{1,100}", name):
        raise Invalid.field(field, "Use lower-case letters, digits and -; 1 to 100 characters.")


def check_slug(slug: str, *, field: str) -> None:
    """Raises Invalid unless `slug` can be a prompt's, on the lifecycle surface."""
    if not re.fullmatch(PROMPT_SLUG, slug):
        raise Invalid.field(field, "Use lower-case letters, digits, - and _, no _ first; 1 to 100 characters.")
    check_free(slug, field=field)


def check_namespace_slug(slug: str, *, field: str = "slug") -> None:
    """Raises Invalid unless `slug` can be a namespace's."""
    if not re.fullmatch(NAMESPACE_SLUG, slug):
        raise Invalid.field(field, "Use lower-case letters, digits, - and _, a letter or digit first; 1 to 63.")
    check_free(slug, field=field)


def check_free(name: str, *, field: str) -> None:
    """Raises Invalid for a reserved word and for what reads as an id."""
    if name in RESERVED:
        raise Invalid.field(field, f"“{name}” is a route of the API; choose another name.")
    if is_uuid(name):
        raise Invalid.field(field, "A name cannot look like an id (UUID).")
