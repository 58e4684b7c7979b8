"""How prompts, versions and tags are written in a path; pvc/urls.py makes them known."""

from uuid import UUID

from prompts.models.prompts import PromptRef
from prompts.names import DEFAULT_NAMESPACE, NAMESPACE_SLUG, PROMPT_SLUG, RESERVED, is_uuid


class RefConverter:
    """A prompt: its id, its name in the namespace `default`, or `namespace:name`."""

    regex = rf"(?:{NAMESPACE_SLUG}:)?(?:{PROMPT_SLUG}|[0-9A-Fa-f-]{{36}})"

    def to_python(self, text: str) -> PromptRef:
        if text in RESERVED:
            raise ValueError(text)  # a word of the API's own paths, and nobody's name
        if is_uuid(text):
            return PromptRef(id=UUID(text))
        namespace, _, slug = text.rpartition(":")
        return PromptRef(namespace=namespace or DEFAULT_NAMESPACE, slug=slug)

    def to_url(self, ref: "PromptRef | str") -> str:
        return str(ref)


class QualifiedNameConverter:
    """A prompt by `namespace:name` alone, as the hot routes of the lifecycle surface take it."""

    regex = rf"{NAMESPACE_SLUG}:{PROMPT_SLUG}"

    def to_python(self, text: str) -> PromptRef:
        namespace, _, slug = text.partition(":")
        return PromptRef(namespace=namespace, slug=slug)

    def to_url(self, ref: "PromptRef | str") -> str:
        return str(ref)


class VersionConverter:
    """A version: its number, or its id."""

    regex = r"[1-9][0-9]{0,8}|[0-9A-Fa-f]{8}-[0-9A-Fa-f-]{27}"

    def to_python(self, text: str) -> int | UUID:
        return int(text) if text.isdigit() else UUID(text)

    def to_url(self, version: int | UUID | str) -> str:
        return str(version)


class NumberConverter:
    """A version's number."""

    regex = r"[1-9][0-9]{0,8}"

    def to_python(self, text: str) -> int:
        return int(text)

    def to_url(self, number: int | str) -> str:
        return str(number)


class TagNameConverter:
    """A tag's name as typed; whether the namespace knows it is the verb's question."""

    regex = r"[^/]{1,100}"

    def to_python(self, text: str) -> str:
        return text

    def to_url(self, name: str) -> str:
        return name
