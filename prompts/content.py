"""What a version holds: its text or chat, its declared variables, its config; and what they hash to. Pure."""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from pvc.crypto import canonical_json, sha256_hex
from pvc.errors import Invalid

TEXT: Final = "text"
CHAT: Final = "chat"
GREATEST_LENGTH: Final = 100_000
ROLES: Final = ("system", "user", "assistant", "tool")
VARIABLE_TYPES: Final = ("string", "number", "integer", "boolean", "array", "object")

Messages = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Content:
    """Everything of a version that is served. `body` is the text, or a chat's RFC 8785 bytes as text."""

    type: str
    body: str
    variables: dict[str, dict[str, Any]]
    config: dict[str, Any]

    @property
    def checksum(self) -> str:
        """Hex SHA-256 of the UTF-8 text; of a chat, of its RFC 8785 bytes."""
        return sha256_hex(self.body.encode())

    @property
    def parsed(self) -> "str | Messages":
        """The text, or a chat's messages."""
        return parsed(self.type, self.body)

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the RFC 8785 bytes of {config, content, type, variables}: what approvals are bound to."""
        served = {
            "config": self.config,
            "content": self.parsed,
            "type": self.type,
            "variables": self.variables,
        }
        return sha256_hex(canonical_json(served))


def parsed(type_: str, body: str) -> str | Messages:
    """A stored body as it goes over the wire: a chat is a list of messages."""
    if type_ != CHAT:
        return body
    messages: Messages = orjson.loads(body)
    return messages


def content_of(type_: str, body: Any, variables: Any = None, config: Any = None, *, field: str = "content") -> Content:
    """A checked and normalised Content. Raises Invalid naming the field."""
    text = _chat_text(body, field) if type_ == CHAT else _plain_text(body, field)
    if not 1 <= len(text) <= GREATEST_LENGTH:
        raise Invalid.field(field, f"The text has {len(text):,} characters; 1 to {GREATEST_LENGTH:,} are taken.")
    return Content(type_, text, normalised_variables(variables), _object(config, "config"))


def length_of(type_: str, body: Any) -> int:
    """How many characters a body is measured by."""
    return len(body) if type_ != CHAT else len(canonical_json(body).decode())


def _plain_text(body: Any, field: str) -> str:
    if not isinstance(body, str):
        raise Invalid.field(field, "This prompt is of type text: send a string.")
    return body


def _chat_text(body: Any, field: str) -> str:
    if not isinstance(body, list) or not body:
        raise Invalid.field(field, "This prompt is of type chat: send a list of messages, at least one.")
    for index, message in enumerate(body):
        _check_message(message, f"{field}[{index}]")
    return canonical_json(body).decode()


def _check_message(message: Any, field: str) -> None:
    if not isinstance(message, dict) or message.keys() not in ({"role", "content"}, {"placeholder"}):
        raise Invalid.field(field, 'A message is {"role": …, "content": …} or {"placeholder": "name"}.')
    if "placeholder" in message:
        if not is_variable_name(message["placeholder"]):
            raise Invalid.field(f"{field}.placeholder", "Name a variable, for example history.")
        return
    if message["role"] not in ROLES:
        raise Invalid.field(f"{field}.role", f"A role is one of {', '.join(ROLES)}.")
    if not isinstance(message["content"], str):
        raise Invalid.field(f"{field}.content", "A message's content is a string.")


def is_variable_name(name: Any) -> bool:
    """Whether a template could refer to a variable of this name."""
    return isinstance(name, str) and len(name) <= 100 and name.isidentifier() and not name.startswith("_")


def normalised_variables(variables: Any) -> dict[str, dict[str, Any]]:
    """The declared schema, each variable an object: a bare value becomes its default. Raises Invalid."""
    declared = _object(variables, "variables")
    normalised = {}
    for name, schema in declared.items():
        field = f"variables.{name}"
        if not is_variable_name(name):
            raise Invalid.field(field, "A variable's name has letters, digits and _, no digit or _ first.")
        normalised[name] = _checked_schema(schema, field) if isinstance(schema, dict) else {"default": schema}
    return normalised


def _checked_schema(schema: dict[str, Any], field: str) -> dict[str, Any]:
    known = ("type", "required", "default", "description", "enum")
    if unknown := sorted(schema.keys() - set(known)):
        raise Invalid.field(f"{field}.{unknown[0]}", f"Unknown; a variable is declared by {', '.join(known)}.")
    if "type" in schema and schema["type"] not in VARIABLE_TYPES:
        raise Invalid.field(f"{field}.type", f"A type is one of {', '.join(VARIABLE_TYPES)}.")
    if not isinstance(schema.get("required", False), bool):
        raise Invalid.field(f"{field}.required", "true or false.")
    if not isinstance(schema.get("description", ""), str):
        raise Invalid.field(f"{field}.description", "A description is a string.")
    if not isinstance(schema.get("enum", []), list):
        raise Invalid.field(f"{field}.enum", "An enum is a list of values.")
    return schema


def _object(value: Any, field: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid.field(field, "Send an object.")
    return value


def defaults_of(variables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The declared default of each variable that has one."""
    return {name: schema["default"] for name, schema in variables.items() if "default" in schema}
