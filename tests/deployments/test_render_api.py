"""POST …/render: production and by number, what was used, missing and unused, hostile values, rights."""

from typing import Any

import pytest

from audit.models import AuditEntry
from prompts import tokens
from prompts.actions import namespaces
from prompts.models import NamespacePolicy
from tenants.models import Actor, Tenant
from tests import factories
from tests.factories import Client, error_of, json_of

KEYS = {
    *("version", "versionId", "content", "rendered", "variablesUsed", "missingVariables", "unusedVariables"),
    *("tokenCount", "metadata"),
}
TEXT = "{{ greeting }}, {{ name }}! {{ name }}: {{ issue }}"


def released(client: Client, name: str = "support", **fields: Any) -> dict[str, Any]:
    """A prompt whose first version is in production."""
    response = client.post("/prompts", {"name": name, "template": TEXT, **fields})
    assert response.status_code == 201, response.content
    prompt: dict[str, Any] = json_of(response)
    target = {"versionId": prompt["latestVersion"]["id"]}
    assert client.post(f"/prompts/{prompt['id']}/tags/production", target).status_code == 200
    return prompt


def render(client: Client, body: Any = None, path: str = "/prompts/support/render") -> dict[str, Any]:
    response = client.post(path, body)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = json_of(response)
    return answer


# ----------------------------------------------------------------------------- what it says
def test_production_is_rendered_with_all_that_was_used(as_admin: Client) -> None:
    prompt = released(as_admin)
    answer = render(as_admin, {"variables": {"name": "Ann", "issue": "a login", "extra": 1, "also": None}})
    assert answer == {
        "version": 1,
        "versionId": prompt["latestVersion"]["id"],
        "content": TEXT,
        "rendered": ", Ann! Ann: a login",
        "variablesUsed": ["name", "issue"],
        "missingVariables": ["greeting"],
        "unusedVariables": ["also", "extra"],
        "tokenCount": tokens.estimate(", Ann! Ann: a login"),
        "metadata": {},
    }
    assert answer["tokenCount"] > 0


def test_a_version_is_rendered_by_its_number_whatever_is_in_production(as_admin: Client) -> None:
    released(as_admin)
    metadata = {"author": "Ann"}
    second = json_of(as_admin.post("/prompts/support/versions", {"content": "Two {{ a }}", "metadata": metadata}))
    answer = render(as_admin, {"variables": {"a": 2}}, "/prompts/support/versions/2/render")
    assert answer.keys() == KEYS
    assert (answer["version"], answer["versionId"], answer["rendered"]) == (2, second["id"], "Two 2")
    assert answer["metadata"] == metadata
    assert render(as_admin)["version"] == 1


@pytest.mark.parametrize(
    "body", [None, b"", {}, {"variables": None}, {"variables": {}, "strict": None}, {"strict": False}]
)
def test_nothing_sent_is_no_variables(as_admin: Client, body: Any) -> None:
    released(as_admin)
    answer = render(as_admin, body)
    assert (answer["rendered"], answer["missingVariables"]) == (", ! : ", ["greeting", "name", "issue"])


def test_a_declared_default_stands_in_where_no_value_is_given(as_admin: Client) -> None:
    variables = {"greeting": "Hello", "name": {"default": "you"}, "issue": {"type": "string"}, "idle": 1}
    released(as_admin, variables=variables)
    answer = render(as_admin, {"variables": {"name": "Ann"}})
    assert (answer["rendered"], answer["variablesUsed"]) == ("Hello, Ann! Ann: ", ["greeting", "name"])
    assert (answer["missingVariables"], answer["unusedVariables"]) == (["issue"], [])


def test_a_given_null_or_empty_value_is_a_value(as_admin: Client) -> None:
    released(as_admin, variables={"name": "you"}, template="[{{ name }}]")
    values: list[Any] = [None, "", 0, False, [], {}]
    for value in values:
        answer = render(as_admin, {"variables": {"name": value}, "strict": True})
        assert (answer["variablesUsed"], answer["missingVariables"]) == (["name"], [])
        assert answer["rendered"] != "[you]"


def test_a_value_is_never_read_as_a_template(as_admin: Client) -> None:
    released(as_admin)
    value = "{{ greeting }}{% raw %}<b>&amp;"
    assert render(as_admin, {"variables": {"greeting": "x", "name": value}})["rendered"] == f"x, {value}! {value}: "


def test_strict_names_every_missing_variable(as_admin: Client) -> None:
    released(as_admin, variables={"greeting": "Hello"}, template=TEXT + "{{ last | default('-') }}")
    response = as_admin.post("/prompts/support/render", {"strict": True, "variables": {"extra": 1}})
    error = error_of(response)
    assert (response.status_code, error["code"]) == (422, "MISSING_VARIABLES")
    assert error["details"]["missing"] == ["name", "issue"]
    assert all(name in error["message"] for name in ("name", "issue"))
    strict = {"strict": True, "variables": {"name": "Ann", "issue": "x"}}
    assert render(as_admin, strict)["rendered"] == "Hello, Ann! Ann: x-"


# ----------------------------------------------------------------------------- chats
def test_a_chat_is_rendered_as_messages_and_as_text(as_admin: Client) -> None:
    template = [
        {"role": "system", "content": "Be {{ tone }}."},
        {"placeholder": "history"},
        {"role": "user", "content": "{{ question }}"},
    ]
    released(as_admin, type="chat", template=template, variables={"tone": "kind"})
    past = [{"role": "user", "content": "Hi {{ tone }}"}, {"role": "assistant", "content": "Hello"}]
    answer = render(as_admin, {"variables": {"history": past, "question": "Why?"}})
    assert answer.keys() == KEYS | {"messages"}
    assert answer["messages"] == [
        {"role": "system", "content": "Be kind."},
        *past,
        {"role": "user", "content": "Why?"},
    ]
    assert answer["rendered"] == "system: Be kind.\n\nuser: Hi {{ tone }}\n\nassistant: Hello\n\nuser: Why?"
    assert answer["content"] == template
    assert answer["variablesUsed"] == ["tone", "history", "question"]
    without = render(as_admin, {"variables": {"question": "Why?"}})
    assert [message["role"] for message in without["messages"]] == ["system", "user"]
    assert without["missingVariables"] == ["history"]


@pytest.mark.parametrize(
    "history",
    [
        "hello",
        5,
        {"role": "user", "content": "x"},
        [1],
        [{"role": "user"}],
        [{"role": "bot", "content": "x"}],
        [{"role": "user", "content": 5}],
    ],
    ids=str,
)
def test_a_placeholder_takes_messages_and_nothing_else(as_admin: Client, history: Any) -> None:
    released(as_admin, type="chat", template=[{"role": "user", "content": "x"}, {"placeholder": "history"}])
    response = as_admin.post("/prompts/support/render", {"variables": {"history": history}})
    assert (response.status_code, error_of(response)["code"]) == (422, "INVALID_VARIABLE")
    assert "history" in error_of(response)["message"]


# ----------------------------------------------------------------------------- what it refuses
@pytest.mark.parametrize(
    "body",
    [
        *({"variable": {}}, {"variables": {}, "user": "x"}, {"variables": []}, {"variables": "x"}, {"strict": "yes"}),
        *({"strict": 1}, [], "x", 5, b"null", b"{", b"{}{}", b"\xff\xfe{}", b'{"variables": {"a": NaN}}'),
        *(b'{"variables": {"a": Infinity}}', b"{'variables': {}}", b'{"variables": {"a": 01}}', b'{"\\ud800": 1}'),
    ],
    ids=repr,
)
def test_a_body_that_is_no_render_request_is_refused(as_admin: Client, body: Any) -> None:
    released(as_admin)
    response = as_admin.post("/prompts/support/render", body)
    assert response.status_code == 400
    assert error_of(response)["code"] in ("VALIDATION_ERROR", "INVALID_JSON")


def test_an_unknown_field_is_named(as_admin: Client) -> None:
    released(as_admin)
    error = error_of(as_admin.post("/prompts/support/render", {"variables": {}, "colour": 1}))
    assert "colour" in error["message"]
    assert list(error["details"]["fields"]) == ["colour"]


def test_a_duplicate_key_takes_the_last_value(as_admin: Client) -> None:
    released(as_admin)
    answer = render(as_admin, b'{"variables": {"name": "first"}, "variables": {"name": "Ann", "name": "Bob"}}')
    assert answer["rendered"] == ", Bob! Bob: "


@pytest.mark.parametrize(
    "value",
    [
        *(
            rb'"\ud800"',
            rb'"\udc00x"',
            rb'"a\u0000b"',
            b"9007199254740993",
            b"-9007199254740993",
            b"9" * 400,
            b"9" * 9000,
        ),
        *(
            b"1e400",
            b"-1e400",
            b"1e-400",
            b"1" + b"0" * 400 + b".5",
            b"[" * 40 + b"]" * 40,
            b"[" * 100_000 + b"]" * 100_000,
        ),
        *(
            b'{"a":' * 2000 + b"1" + b"}" * 2000,
            rb'{"\ud800": 1}',
            rb'{"__class__": "x", "a\u0000": 1}',
            b'""' + b" " * 9000,
        ),
        *(b'"' + b"x" * 300_000 + b'"', b"[" + b"0," * 200_000 + b"0]", b'"\xed\xa0\x80"', b'"\xc3\x28"', b"\x00"),
    ],
    ids=lambda value: f"{value[:12]!r}-{len(value)}",
)
def test_a_hostile_value_is_an_answer_and_never_a_fault(as_admin: Client, value: bytes) -> None:
    released(as_admin)
    for body in (
        b'{"variables": {"name": %s}}',
        b'{"variables": {"name": {"inner": [%s]}}}',
        b'{"variables": {"idle": %s}}',
    ):
        response = as_admin.post("/prompts/support/render", body % value)
        assert response.status_code in (200, 400, 422), (response.status_code, response.content[:300])
        if response.status_code != 200:
            assert error_of(response)["message"]
        else:
            assert json_of(response).keys() == KEYS


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        (rb'"\ud83d\ude00"', True),
        (b"9007199254740991", True),
        (rb'"\ud800"', False),
        (b"9007199254740993", False),
        (b"[" * 33 + b"]" * 33, False),
    ],
)
def test_values_that_cannot_be_printed_exactly_are_refused(as_admin: Client, value: bytes, taken: bool) -> None:
    released(as_admin)
    response = as_admin.post("/prompts/support/render", b'{"variables": {"name": %s}}' % value)
    assert response.status_code == 200 if taken else response.status_code in (400, 422)


def test_more_than_a_mebibyte_is_too_large(as_admin: Client) -> None:
    released(as_admin)
    response = as_admin.post("/prompts/support/render", b'{"variables": {}' + b" " * 1_048_576 + b"}")
    assert (response.status_code, error_of(response)["code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_only_json_is_read(as_admin: Client) -> None:
    released(as_admin)
    response = as_admin.post(
        "/prompts/support/render", b"variables=1", Content_Type="application/x-www-form-urlencoded"
    )
    assert (response.status_code, error_of(response)["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


# ----------------------------------------------------------------------------- what is served
def test_nothing_in_production_is_not_found(as_admin: Client) -> None:
    as_admin.post("/prompts", {"name": "support", "template": TEXT})
    response = as_admin.post("/prompts/support/render", {})
    assert (response.status_code, error_of(response)["code"]) == (404, "NOT_FOUND")
    assert render(as_admin, {}, "/prompts/support/versions/1/render")["version"] == 1
    assert as_admin.post("/prompts/support/versions/2/render").status_code == 404


def test_an_archived_prompt_is_gone_in_production_or_not(as_admin: Client) -> None:
    released(as_admin, "served")
    as_admin.post("/prompts", {"name": "unserved", "template": TEXT})
    for name in ("served", "unserved"):
        as_admin.delete(f"/prompts/{name}")
        for path in ("render", "versions/1/render", "versions/9/render"):
            response = as_admin.post(f"/prompts/{name}/{path}", {})
            assert (response.status_code, error_of(response)["code"]) == (410, "ARCHIVED")


def test_what_is_rendered_follows_the_tag_at_once(as_admin: Client) -> None:
    prompt = released(as_admin, template="One")
    second = json_of(as_admin.post("/prompts/support/versions", {"content": "Two"}))
    for _ in range(3):
        for version, text in ((second["id"], "Two"), (prompt["latestVersion"]["id"], "One")):
            as_admin.post("/prompts/support/tags/production", {"versionId": version})
            assert render(as_admin)["rendered"] == text
    as_admin.delete("/prompts/support/tags/production")
    assert as_admin.post("/prompts/support/render").status_code == 404


def test_a_render_is_no_entry_in_the_log_and_keeps_no_answer(as_admin: Client, acme: Tenant) -> None:
    released(as_admin)
    before = AuditEntry.objects.filter(tenant_id=acme.pk).count()
    for name in ("Ann", "Bob"):
        response = as_admin.post("/prompts/support/render", {"variables": {"name": name}}, Idempotency_Key="k")
        assert (response.status_code, json_of(response)["rendered"]) == (200, f", {name}! {name}: ")
        assert "X-Audit-Seq" not in response
    assert AuditEntry.objects.filter(tenant_id=acme.pk).count() == before


def test_unreleased_text_is_for_those_who_write_where_approvals_are_required(as_admin: Client, admin: Actor) -> None:
    namespace = namespaces.create_namespace("guarded", name="Guarded", required_approvals=0, by=admin)
    prompt = released(as_admin, namespace="guarded")
    for number in (2, 3):
        as_admin.post(f"/prompts/{prompt['id']}/versions", {"content": f"Text {number}"})
    second = json_of(as_admin.get(f"/prompts/{prompt['id']}/versions/2"))["id"]
    as_admin.post(f"/prompts/{prompt['id']}/tags/production", {"versionId": second})
    reader = Client(factories.make_key(admin.author, ["prompts:read"]).text)

    def statuses(client: Client) -> list[int]:
        paths = ["render", *(f"versions/{number}/render" for number in (1, 2, 3))]
        return [client.post(f"/prompts/{prompt['id']}/{path}").status_code for path in paths]

    assert statuses(reader) == [200, 200, 200, 200]
    NamespacePolicy.objects.create(tenant=namespace.tenant, namespace=namespace, number=2, required_approvals=1)
    assert statuses(reader) == [200, 200, 200, 403]
    refused = reader.post(f"/prompts/{prompt['id']}/versions/3/render")
    assert "prompts:write" in error_of(refused)["message"]
    assert statuses(as_admin) == [200, 200, 200, 200]


def test_rendering_counts_as_hot(as_admin: Client, settings: Any) -> None:
    released(as_admin)
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "hot": 200, "write": 77}
    for path in ("/prompts/support/render", "/prompts/support/versions/1/render"):
        assert as_admin.post(path)["RateLimit-Limit"] == "200"
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "hot": 0}
    assert "RateLimit-Limit" not in as_admin.post("/prompts/support/render")
    assert as_admin.post("/prompts", {"name": "other", "template": "x"})["RateLimit-Limit"] == "77"


def test_the_end_user_named_while_rendering_is_nobody_who_acts(as_admin: Client) -> None:
    as_admin.post("/prompts", {"name": "greeting", "template": "Hello"})
    named = as_admin.post("/prompts/greeting/versions/1/render", {}, X_User_Id="end-user-42, or anything")
    assert (named.status_code, json_of(named)["rendered"]) == (200, "Hello")
