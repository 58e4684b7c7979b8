"""What a version holds and hashes to: the contract's vectors, normalised variables, chats in RFC 8785."""

import hashlib
import json
from typing import Any

import pytest

from prompts.content import Content, content_of, defaults_of, normalised_variables
from prompts.models import PromptVersion
from pvc.errors import Invalid
from tests.factories import Client, error_of, json_of

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
HELLO_DIGEST = "514eb97cdf8f63278c3865260999c9cbaba0f67d5c1d8a09ce98a249ae3334e8"
CHAT: list[dict[str, str]] = [
    {"role": "system", "content": "Be kind, {{ name }}. é 😀"},
    {"placeholder": "history"},
    {"content": "{{ question }}", "role": "user"},
]
#: The RFC 8785 bytes of CHAT, written out by hand.
CANONICAL_CHAT = (
    '[{"content":"Be kind, {{ name }}. é 😀","role":"system"},{"placeholder":"history"},'
    '{"content":"{{ question }}","role":"user"}]'
)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# ----------------------------------------------------------------------------- vectors
def test_the_checksum_and_digest_of_hello_are_the_contracts() -> None:
    content = content_of("text", "hello")
    assert (content.checksum, content.digest) == (HELLO, HELLO_DIGEST)
    assert sha256('{"config":{},"content":"hello","type":"text","variables":{}}') == HELLO_DIGEST


@pytest.mark.parametrize(("variables", "config"), [({}, {}), (None, None), ({}, None)])
def test_what_is_absent_hashes_like_what_is_empty(variables: Any, config: Any) -> None:
    assert content_of("text", "hello", variables, config).digest == HELLO_DIGEST


def test_the_digest_is_of_everything_that_is_served() -> None:
    content = content_of("text", 'a\u2028"\\\n', {"b": 1, "a": {"type": "string"}}, {"z": 1.0, "y": [1e21, 1e-7, True]})
    canonical = (
        '{"config":{"y":[1e+21,1e-7,true],"z":1},"content":"a\u2028\\"\\\\\\n","type":"text",'
        '"variables":{"a":{"type":"string"},"b":{"default":1}}}'
    )
    assert content.digest == sha256(canonical)
    assert content.checksum == sha256('a\u2028"\\\n')


def test_names_are_sorted_by_their_utf_16_units() -> None:
    config = {"\ufb33": 1, "😀": 2, "é": 3, "a": 4, "": 5}
    expected = '{"config":{"":5,"a":4,"é":3,"😀":2,"\ufb33":1},"content":"x","type":"text","variables":{}}'
    assert content_of("text", "x", None, config).digest == sha256(expected)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"body": "hello "}, False),
        ({"body": "Hello"}, False),
        ({"variables": {"a": None}}, False),
        ({"config": {"a": 1}}, False),
        ({"config": {"a": None}}, False),
        ({"config": {}}, True),
    ],
    ids=str,
)
def test_the_digest_changes_with_each_part(change: dict[str, Any], same: bool) -> None:
    parts = {"body": "hello", "variables": None, "config": None, **change}
    content = content_of("text", parts["body"], parts["variables"], parts["config"])
    assert (content.digest == HELLO_DIGEST) is same


def test_composed_and_decomposed_letters_are_different_texts() -> None:
    assert content_of("text", "é").checksum != content_of("text", "e\u0301").checksum


# ----------------------------------------------------------------------------- variables
@pytest.mark.parametrize(
    ("given", "normalised"),
    [
        (None, {}),
        ({"a": "x"}, {"a": {"default": "x"}}),
        ({"a": None}, {"a": {"default": None}}),
        ({"a": [1, {"b": 2}]}, {"a": {"default": [1, {"b": 2}]}}),
        ({"a": False}, {"a": {"default": False}}),
        ({"a": {}}, {"a": {}}),
        ({"a": {"default": {"b": 1}}}, {"a": {"default": {"b": 1}}}),
        (
            {"a": {"type": "integer", "required": False, "default": 0, "description": "", "enum": [0, None]}},
            {"a": {"type": "integer", "required": False, "default": 0, "description": "", "enum": [0, None]}},
        ),
        ({"größe_2": 1}, {"größe_2": {"default": 1}}),
    ],
    ids=str,
)
def test_a_value_that_is_no_object_is_the_default(given: Any, normalised: Any) -> None:
    once = normalised_variables(given)
    assert once == normalised
    assert normalised_variables(once) == once


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ([], "variables"),
        ("x", "variables"),
        ({"1a": 1}, "variables.1a"),
        ({"a b": 1}, "variables.a b"),
        ({"a-b": 1}, "variables.a-b"),
        ({"": 1}, "variables."),
        ({"_a": 1}, "variables._a"),
        ({"a" * 101: 1}, f"variables.{'a' * 101}"),
        ({"a": {"kind": "x"}}, "variables.a.kind"),
        ({"a": {"type": "text"}}, "variables.a.type"),
        ({"a": {"type": ["string"]}}, "variables.a.type"),
        ({"a": {"type": {}}}, "variables.a.type"),
        ({"a": {"required": "yes"}}, "variables.a.required"),
        ({"a": {"required": 1}}, "variables.a.required"),
        ({"a": {"description": 5}}, "variables.a.description"),
        ({"a": {"enum": "x"}}, "variables.a.enum"),
    ],
    ids=lambda part: str(part)[:40],
)
def test_a_schema_that_is_none_is_refused_by_its_path(given: Any, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        content_of("text", "x", given)
    assert list(refused.value.details["fields"]) == [path]


def test_only_declared_defaults_stand_in() -> None:
    variables = normalised_variables({"a": 1, "b": {"type": "string"}, "c": {"default": None}, "d": {"default": ""}})
    assert defaults_of(variables) == {"a": 1, "c": None, "d": ""}


# ----------------------------------------------------------------------------- texts and chats
def test_a_chat_is_kept_as_its_canonical_bytes() -> None:
    content = content_of("chat", CHAT)
    assert (content.body, content.parsed) == (CANONICAL_CHAT, CHAT)
    assert content.checksum == sha256(CANONICAL_CHAT)
    assert content.digest == sha256(f'{{"config":{{}},"content":{CANONICAL_CHAT},"type":"chat","variables":{{}}}}')


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("hello", "content"),
        ([], "content"),
        ({"role": "user", "content": "x"}, "content"),
        (json.dumps(CHAT), "content"),
        (["hello"], "content[0]"),
        ([{"role": "user"}], "content[0]"),
        ([{"content": "x"}], "content[0]"),
        ([{"role": "user", "content": "x", "name": "y"}], "content[0]"),
        ([{"role": "user", "content": "x", "placeholder": "y"}], "content[0]"),
        ([{"role": "user", "content": "x"}, {"role": "bot", "content": "x"}], "content[1].role"),
        ([{"role": ["user"], "content": "x"}], "content[0].role"),
        ([{"role": "user", "content": None}], "content[0].content"),
        ([{"role": "user", "content": [{"type": "text"}]}], "content[0].content"),
        ([{"placeholder": "1x"}], "content[0].placeholder"),
        ([{"placeholder": "_x"}], "content[0].placeholder"),
        ([{"placeholder": 5}], "content[0].placeholder"),
    ],
    ids=lambda part: str(part)[:50],
)
def test_a_body_that_is_no_chat_is_refused_by_its_path(body: Any, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        content_of("chat", body)
    assert list(refused.value.details["fields"]) == [path]


@pytest.mark.parametrize("body", [None, 5, True, CHAT, {"role": "user"}], ids=lambda body: str(body)[:20])
def test_a_text_is_a_string(body: Any) -> None:
    with pytest.raises(Invalid) as refused:
        content_of("text", body, field="template")
    assert list(refused.value.details["fields"]) == ["template"]


@pytest.mark.parametrize(
    ("type_", "longest"),
    [
        ("text", "😀" * 100_000),
        ("chat", [{"role": "user", "content": "x" * (100_000 - len('[{"content":"","role":"user"}]'))}]),
    ],
    ids=["text", "chat"],
)
def test_a_text_has_1_to_100_000_characters(type_: str, longest: Any) -> None:
    assert len(content_of(type_, longest).body) == 100_000
    longer = longest + "x" if type_ == "text" else [{**longest[0], "content": longest[0]["content"] + "x"}]
    with pytest.raises(Invalid):
        content_of(type_, longer)


def test_a_content_is_the_same_whatever_the_order_of_its_names() -> None:
    one = Content("text", "x", normalised_variables({"a": 1, "b": 2}), {"c": 1, "d": {"e": 1, "f": 2}})
    other = Content("text", "x", normalised_variables({"b": 2, "a": 1}), {"d": {"f": 2, "e": 1}, "c": 1})
    assert one.digest == other.digest


# ----------------------------------------------------------------------------- over HTTP
def test_the_vectors_hold_over_http(as_admin: Client) -> None:
    as_admin.post("/prompts", {"name": "greeting", "template": "hello"})
    version = json_of(as_admin.get("/prompts/greeting/versions/1"))
    assert (version["checksum"], version["digest"]) == (HELLO, HELLO_DIGEST)
    assert version["content"] == version["template"] == "hello"


@pytest.mark.parametrize(
    ("config", "canonical"),
    [
        ({"a": 1.0, "b": 100.0, "c": -0.0}, '{"a":1,"b":100,"c":0}'),
        ({"a": 1e300, "b": 5e-324, "c": 1e21, "d": 1e16}, '{"a":1e+300,"b":5e-324,"c":1e+21,"d":10000000000000000}'),
        ({"a": 9007199254740991, "b": -9007199254740991}, '{"a":9007199254740991,"b":-9007199254740991}'),
        ({"a": 0.1, "b": 333333333.33333329, "c": 1e-7}, '{"a":0.1,"b":333333333.3333333,"c":1e-7}'),
    ],
    ids=["whole", "extreme", "integers", "fractions"],
)
def test_a_stored_number_hashes_as_it_was_sent(as_admin: Client, config: dict[str, Any], canonical: str) -> None:
    as_admin.post("/prompts", {"name": "numbers", "template": "x", "config": config})
    version = json_of(as_admin.get("/prompts/numbers/versions/1"))
    assert version["digest"] == sha256(f'{{"config":{canonical},"content":"x","type":"text","variables":{{}}}}')
    row = PromptVersion.objects.get(pk=version["id"])
    assert Content(row.type, row.body, row.variables, row.config).digest == version["digest"]
    again = as_admin.post("/prompts/numbers/versions", {"content": "x", "config": version["config"]})
    assert (again.status_code, json_of(again)["deduplicated"]) == (200, True)


def test_a_chat_goes_over_the_wire_as_its_messages(as_admin: Client) -> None:
    made = as_admin.post("/prompts", {"name": "chat", "type": "chat", "template": CHAT})
    assert made.status_code == 201, made.content
    assert (json_of(made)["type"], json_of(made)["template"]) == ("chat", CHAT)
    version = json_of(as_admin.get("/prompts/chat/versions/1"))
    assert version["content"] == version["template"] == CHAT
    assert version["checksum"] == sha256(CANONICAL_CHAT)
    reordered = [dict(reversed(message.items())) for message in CHAT]
    again = as_admin.post("/prompts/chat/versions", {"content": reordered, "template": CHAT})
    assert (again.status_code, json_of(again)["deduplicated"]) == (200, True)
    next_one = as_admin.put("/prompts/chat", {"template": CHAT[:1]})
    assert (json_of(next_one)["template"], json_of(next_one)["latestVersion"]["number"]) == (CHAT[:1], 2)


@pytest.mark.parametrize(("type_", "body"), [("text", CHAT), ("chat", "hello"), ("chat", [])])
def test_a_body_of_the_wrong_type_is_refused_everywhere(as_admin: Client, type_: str, body: Any) -> None:
    right: Any = CHAT if type_ == "chat" else "hello"
    refused = as_admin.post("/prompts", {"name": "wrong", "type": type_, "template": body})
    assert (refused.status_code, list(error_of(refused)["details"]["fields"])) == (400, ["template"])
    assert as_admin.post("/prompts", {"name": "right", "type": type_, "template": right}).status_code == 201
    for response, field in (
        (as_admin.put("/prompts/right", {"template": body}), "template"),
        (as_admin.post("/prompts/right/versions", {"content": body}), "content"),
    ):
        assert (response.status_code, list(error_of(response)["details"]["fields"])) == (400, [field])
    assert len(json_of(as_admin.get("/prompts/right/versions"))["data"]) == 1


def test_a_message_outside_of_the_template_subset_says_which_it_is(as_admin: Client) -> None:
    body = [CHAT[0], {"role": "user", "content": "{% import 'x' as y %}"}]
    refused = as_admin.post("/prompts", {"name": "chat", "type": "chat", "template": body})
    assert (refused.status_code, error_of(refused)["code"]) == (422, "INVALID_TEMPLATE")
    assert "Message 2" in error_of(refused)["message"]
