"""Resolve and render by name: what is served to whom, its ETag and encodings, and what is kept apart."""

import gzip
import hashlib
import json
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from audit.models import AuditEntry
from deployments import cache, serving
from deployments.actions import promotion
from prompts import tokens
from prompts.actions import namespaces, prompts
from prompts.models import Namespace, PreProdTarget, Prompt, PromptVersion
from pvc import store
from tenants.models import Actor, Tenant
from tests import factories
from tests.factories import Client, error_of, json_of

PATH = "/prompts/resolve/default:support"
RENDER = "/prompts/render/default:support"
ANSWER = {
    *("version_id", "version_number", "body", "type", "config", "variables_expected", "status", "token_estimate"),
    "digest",
}
RENDERING = {
    *("rendered", "token_count", "version_id", "version_number", "source", "variables_used", "missing_variables"),
    "warnings",
}
TEXT = "Hello {{ name }}"


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    serving.KEPT.clear()


@pytest.fixture
def prompt(namespace: Namespace, alice: Actor) -> Prompt:
    """Version 1 in production, version 2 in staging, aimed at nobody."""
    prompt = factories.make_prompt(namespace, by=alice, slug="support", body=TEXT, config={"model": "m"})
    second = factories.make_version(prompt, "Second {{ name }}", by=alice)
    promotion.set_tag(prompt, "production", version=prompt.versions.get(number=1), by=alice)
    promotion.set_tag(prompt, "staging", version=second, by=alice)
    return prompt


def aim(version: PromptVersion, *user_ids: str) -> None:
    """Rows under which nothing is kept yet."""
    PreProdTarget.objects.bulk_create(
        PreProdTarget(tenant_id=version.tenant_id, version=version, user_id=user_id) for user_id in user_ids
    )


def served(client: Client, path: str = PATH, **headers: str) -> Any:
    response = client.get(path, **headers)
    assert response.status_code == 200, response.content
    return json_of(response)


def number(client: Client, user: str = "") -> int:
    answer: int = served(client, f"{PATH}?user_id={user}")["version_number"]
    return answer


def as_reader(owner: Actor) -> Client:
    return Client(factories.make_key(owner.author, ["prompts:read"]).text)


# ----------------------------------------------------------------------------- what it says
def test_production_is_resolved_for_whoever_may_read(admin: Actor, prompt: Prompt) -> None:
    version = prompt.versions.get(number=1)
    assert served(as_reader(admin)) == {
        "version_id": str(version.pk),
        "version_number": 1,
        "body": TEXT,
        "type": "text",
        "config": {"model": "m"},
        "variables_expected": [],
        "status": "active",
        "token_estimate": tokens.estimate(TEXT),
        "digest": version.digest,
    }
    refused = Client(factories.make_key(admin.author, ["webhooks:write"]).text).get(PATH)
    assert (refused.status_code, error_of(refused)["details"]) == (403, {"scope": "prompts:read"})


def test_a_chat_is_resolved_as_its_messages_and_rendered_in_turns(
    as_admin: Client, namespace: Namespace, alice: Actor
) -> None:
    chat = [
        {"role": "system", "content": "Be kind."},
        {"placeholder": "history"},
        {"role": "user", "content": "{{ q }}"},
    ]
    prompt = factories.make_prompt(namespace, by=alice, slug="support", body=chat, variables={"q": "Why?"})
    promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=alice)
    answer = served(as_admin)
    assert (answer["body"], answer["type"]) == (chat, "chat")
    assert answer["token_estimate"] == tokens.estimate("system: Be kind.\n\nuser: {{ q }}")
    rendering = json_of(as_admin.post(RENDER, {"variables": {"history": [{"role": "user", "content": "Hi"}]}}))
    assert rendering.keys() == RENDERING | {"messages"}
    assert [message["content"] for message in rendering["messages"]] == ["Be kind.", "Hi", "Why?"]


def test_exact_numbers_and_expected_variables_are_as_the_registry_shows_them(
    as_admin: Client, namespace: Namespace, alice: Actor
) -> None:
    config = {"exact": 9007199254740991, "large": 1e300, "fraction": 0.1, "none": None, "nested": [{"a": "é😀"}]}
    prompt = factories.make_prompt(namespace, by=alice, slug="support", config=config)
    Prompt.objects.filter(pk=prompt.pk).update(variables_expected=["issue", "tone"])
    promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=alice)
    answer = served(as_admin)
    assert answer["config"] == config == json_of(as_admin.get("/prompts/support/production"))["config"]
    assert answer["variables_expected"] == ["issue", "tone"]


def test_rendering_says_what_was_used_and_warns_of_what_was_not(as_admin: Client, prompt: Prompt) -> None:
    answer = json_of(as_admin.post(RENDER, {"variables": {"extra": 1, "other": 2}}))
    assert answer == {
        "rendered": "Hello ",
        "token_count": tokens.estimate("Hello "),
        "version_id": str(prompt.versions.get(number=1).pk),
        "version_number": 1,
        "source": "active",
        "variables_used": [],
        "missing_variables": ["name"],
        "warnings": ["Nothing refers to `extra`, `other`."],
    }
    answer = json_of(as_admin.post(RENDER, {"variables": {"name": "Ann"}, "strict": True}))
    assert (answer["rendered"], answer["variables_used"], answer["warnings"]) == ("Hello Ann", ["name"], [])


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"strict": True}, 422, "MISSING_VARIABLES", None),
        ({"variables": {"name": "a\0"}}, 422, "INVALID_VARIABLE", None),
        ({"variables": {"name": 2**53 + 1}}, 422, "INVALID_VARIABLE", None),
        ({"variables": {"name": "x" * 300_000}}, 422, "RENDER_LIMIT", None),
        ({"variables": []}, 400, "VALIDATION_ERROR", "variables"),
        ({"colour": 1}, 400, "VALIDATION_ERROR", "colour"),
        ({"user_id": 5}, 400, "VALIDATION_ERROR", "user_id"),
        ({"user_id": "x" * 201}, 400, "VALIDATION_ERROR", "user_id"),
        (b"{", 400, "INVALID_JSON", None),
        (b'{"user_id": "\\ud800"}', 400, "INVALID_JSON", None),
        (b" " * 1_048_577, 413, "PAYLOAD_TOO_LARGE", None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_rendering_refuses_as_the_registry_does(
    as_admin: Client, prompt: Prompt, body: Any, status: int, code: str, field: str | None
) -> None:
    response = as_admin.post(RENDER, body)
    error = error_of(response)
    assert (response.status_code, error["code"]) == (status, code)
    assert field is None or list(error["details"]["fields"]) == [field]


def test_nothing_sent_renders_with_nothing(as_admin: Client, prompt: Prompt) -> None:
    for body in (None, b"", {}, {"variables": None, "strict": None, "user_id": None}):
        assert json_of(as_admin.post(RENDER, body))["rendered"] == "Hello "


# ----------------------------------------------------------------------------- to whom
def test_only_whom_pre_production_is_aimed_at_gets_it(as_admin: Client, prompt: Prompt) -> None:
    aim(prompt.versions.get(number=2), "tester@example.com", "José")
    assert served(as_admin)["version_number"] == 1
    for user in ("tester@example.com", "Jos%C3%A9"):
        answer = served(as_admin, f"{PATH}?user_id={user}")
        assert (answer["version_number"], answer["status"]) == (2, "pre_prod")
    for user in ("Tester@example.com", "tester@example.com%20", "tester", "*", "jose", "x" * 200, ""):
        assert number(as_admin, user) == 1
    rendering = json_of(as_admin.post(RENDER, {"user_id": "tester@example.com", "variables": {"name": "Ann"}}))
    assert (rendering["rendered"], rendering["source"]) == ("Second Ann", "pre_prod")
    assert json_of(as_admin.post(RENDER, {"user_id": "somebody"}))["source"] == "active"


def test_x_user_id_names_the_end_user_and_nobody_who_acts(as_admin: Client, admin: Actor, prompt: Prompt) -> None:
    aim(prompt.versions.get(number=2), "tester, or anything", "José")
    assert served(as_admin, X_User_Id="tester, or anything")["version_number"] == 2
    in_utf8 = "José".encode().decode("latin-1")  # as a server hands it over
    assert served(as_admin, X_User_Id=in_utf8)["version_number"] == 2
    assert served(as_admin, f"{PATH}?user_id=somebody", X_User_Id="José")["version_number"] == 1
    assert json_of(as_admin.post(RENDER, {}, X_User_Id="tester, or anything"))["source"] == "pre_prod"
    assert json_of(as_admin.post(RENDER, {"user_id": "nobody"}, X_User_Id="José"))["source"] == "active"
    for response in (as_admin.get(PATH, X_User_Id="x" * 201), as_admin.get(f"{PATH}?user_id={'x' * 201}")):
        assert (response.status_code, list(error_of(response)["details"]["fields"])) == (400, ["user_id"])


def test_targets_count_for_the_version_in_staging_alone(as_admin: Client, prompt: Prompt, alice: Actor) -> None:
    first, second = prompt.versions.order_by("number")
    aim(first, "tester")
    assert number(as_admin, "tester") == 1
    assert served(as_admin, f"{PATH}?user_id=tester")["status"] == "active"
    promotion.set_tag(prompt, "staging", version=second, by=alice)
    aim(second, "tester")
    promotion.set_tag(prompt, "staging", version=factories.make_version(prompt, by=alice), by=alice)
    assert number(as_admin, "tester") == 1


def test_a_version_in_production_and_staging_is_active(as_admin: Client, prompt: Prompt, alice: Actor) -> None:
    first = prompt.versions.get(number=1)
    promotion.set_tag(prompt, "staging", version=first, by=alice)
    aim(first, "tester")
    assert served(as_admin, f"{PATH}?user_id=tester")["status"] == "active"


def test_pre_production_without_production_is_for_its_users_alone(
    as_admin: Client, prompt: Prompt, alice: Actor
) -> None:
    aim(prompt.versions.get(number=2), "tester")
    promotion.remove_tag(prompt, "production", by=alice)
    assert number(as_admin, "tester") == 2
    for response in (as_admin.get(PATH), as_admin.post(RENDER), as_admin.get(f"{PATH}?user_id=other")):
        assert (response.status_code, error_of(response)["code"]) == (404, "NOT_FOUND")


# ----------------------------------------------------------------------------- what is not served
@pytest.mark.parametrize(
    "name",
    [
        *("default:Support", "Default:support", "default:suppor", "default:support-", "other:support", "support"),
        *("default:default:support", "default::support", ":support", "default:", "default:support/", "defaultsupport"),
        *("default:sup%70ort%20", "default:0190f5fe-7c00-7a00-8000-0123456789ab", "default%2Fsupport"),
    ],
)
def test_another_name_is_another_prompt_or_none(as_admin: Client, prompt: Prompt, name: str) -> None:
    for response in (as_admin.get(f"/prompts/resolve/{name}"), as_admin.post(f"/prompts/render/{name}")):
        assert (response.status_code, error_of(response)["code"]) == (404, "NOT_FOUND")


def test_names_that_differ_in_separators_alone_are_kept_apart(as_admin: Client, admin: Actor) -> None:
    names = [("a-b", "c"), ("a", "b-c"), ("a_b", "c"), ("a", "b_c"), ("a", "bc"), ("ab", "c"), ("a-b-c", "c")]
    for space in sorted({space for space, _ in names}):
        namespaces.create_namespace(space, name=space, required_approvals=0, by=admin)
    for space, slug in names:
        made = factories.make_prompt(Namespace.objects.get(slug=space), by=admin, slug=slug, body=f"{space} | {slug}")
        promotion.set_tag(made, "production", version=made.versions.get(), by=admin)
    for _ in range(2):
        for space, slug in names:
            for colon in (":", "%3A", "%3a"):
                assert served(as_admin, f"/prompts/resolve/{space}{colon}{slug}")["body"] == f"{space} | {slug}"


def test_two_tenants_with_the_same_names_see_their_own(
    as_admin: Client, as_eve: Client, prompt: Prompt, other: Tenant, eve: Actor
) -> None:
    assert number(as_admin) == 1
    assert as_eve.get(PATH).status_code == 404
    theirs = factories.make_prompt(Namespace.objects.get(tenant=other), by=eve, slug="support", body="Eve's")
    promotion.set_tag(theirs, "production", version=theirs.versions.get(), by=eve)
    for _ in range(2):
        assert served(as_eve)["body"] == "Eve's"
        assert served(as_admin)["body"] == TEXT
        assert json_of(as_eve.post(RENDER))["rendered"] == "Eve's"


def test_an_archived_prompt_is_gone_and_comes_back_with_its_tags(
    as_admin: Client, prompt: Prompt, admin: Actor
) -> None:
    aim(prompt.versions.get(number=2), "tester")
    for _ in range(2):
        assert (number(as_admin), number(as_admin, "tester")) == (1, 2)
        prompts.archive_prompt(prompt, by=admin)
        for response in (as_admin.get(PATH), as_admin.get(f"{PATH}?user_id=tester"), as_admin.post(RENDER)) * 2:
            assert (response.status_code, error_of(response)["code"]) == (410, "ARCHIVED")
        prompts.unarchive_prompt(prompt, by=admin)


def test_a_name_nobody_had_is_served_as_soon_as_it_is_there(
    as_admin: Client, namespace: Namespace, alice: Actor
) -> None:
    """Making a prompt does not raise the generation, so that there was none must not be kept."""
    assert as_admin.get(PATH).status_code == 404
    made = factories.make_prompt(namespace, by=alice, slug="support")
    assert "in production" in error_of(as_admin.get(PATH))["message"]
    promotion.set_tag(made, "production", version=made.versions.get(), by=alice)
    assert number(as_admin) == 1


# ----------------------------------------------------------------------------- ETag and encodings
def test_the_etag_is_the_bodys_hash_and_names_the_encoding(as_admin: Client, prompt: Prompt, alice: Actor) -> None:
    plain = as_admin.get(PATH, Accept_Encoding="gzip")
    assert "Content-Encoding" not in plain.headers  # below 1 KiB
    assert plain["ETag"] == f'"{hashlib.sha256(plain.content).hexdigest()}"'
    long = factories.make_version(prompt, "word " * 1000, by=alice)
    promotion.set_tag(prompt, "production", version=long, by=alice)
    identity, first = as_admin.get(PATH), as_admin.get(PATH, Accept_Encoding="gzip, br")
    serving.KEPT.clear()
    store.client().flushdb()
    again = as_admin.get(PATH, Accept_Encoding="gzip")
    assert first.content == again.content
    assert gzip.decompress(first.content) == identity.content
    hash_ = hashlib.sha256(identity.content).hexdigest()
    assert (identity["ETag"], first["ETag"]) == (f'"{hash_}"', f'"{hash_}-gzip"')
    assert first["Content-Encoding"] == "gzip"
    assert first["Content-Length"] == str(len(first.content))
    for response in (identity, first):
        assert response["Cache-Control"] == "private, no-cache"
        assert {"Accept-Encoding", "X-User-Id"} <= {each.strip() for each in response["Vary"].split(",")}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        *(("{tag}", 304), ("W/{tag}", 304), ("*", 304), ('"a", W/{tag}, "b"', 304), ('"a",{tag}', 304)),
        *(('"a"', 200), ("{bare}", 200), ('"{bare}-gzip"', 200), ('W/"*"', 200), ("", 200), ("é", 200)),
    ],
)
def test_if_none_match(as_admin: Client, prompt: Prompt, sent: str, status: int) -> None:
    present = as_admin.get(PATH)["ETag"]
    for method in ("GET", "HEAD"):
        response = as_admin(method, PATH, If_None_Match=sent.format(tag=present, bare=present.strip('"')))
        assert (response.status_code, response["ETag"]) == (status, present)
        assert response["Cache-Control"] == "private, no-cache"
        if status == 304:
            assert response.content == b""
            assert not {"Content-Type", "Content-Length", "Content-Encoding"} & response.headers.keys()


def test_what_was_served_before_is_not_what_one_has_now(as_admin: Client, prompt: Prompt, alice: Actor) -> None:
    aim(prompt.versions.get(number=2), "tester")
    old = as_admin.get(PATH)["ETag"]
    aimed = as_admin.get(f"{PATH}?user_id=tester", If_None_Match=old)
    assert (aimed.status_code, json_of(aimed)["version_number"]) == (200, 2)
    promotion.set_tag(prompt, "production", version=prompt.versions.get(number=2), by=alice)
    assert as_admin.get(PATH, If_None_Match=old).status_code == 200


def test_head_is_get_without_its_body(as_admin: Client, prompt: Prompt) -> None:
    got, head = as_admin.get(PATH), as_admin("HEAD", PATH)
    kept = ("ETag", "Cache-Control", "Content-Length", "Content-Type", "Vary")
    assert (head.status_code, head.content) == (200, b"")
    assert {name: head[name] for name in kept} == {name: got[name] for name in kept}


def test_a_refusal_is_kept_by_nobody(as_admin: Client, prompt: Prompt) -> None:
    for response in (as_admin.get("/prompts/resolve/default:none"), as_admin.post(RENDER), as_admin.post(RENDER, b"{")):
        assert response["Cache-Control"] == "private, no-store"
        assert "ETag" not in response.headers


# ----------------------------------------------------------------------------- what it costs
HOT = ("prompts_prompt", "prompts_promptversion", "prompts_tag")


def queries(client: Client, path: str = PATH, body: Any = None) -> list[str]:
    """The statements of one call that ask for what is served."""
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response: HttpResponse = client.get(path) if body is None else client.post(path, body)
    assert response.status_code == 200
    return [each["sql"] for each in captured.captured_queries if any(table in each["sql"] for table in HOT)]


def test_a_miss_is_one_query_and_a_hit_none(as_admin: Client, prompt: Prompt, alice: Actor) -> None:
    aim(prompt.versions.get(number=2), "tester")
    assert len(queries(as_admin)) == 1
    for path in (PATH, f"{PATH}?user_id=tester", f"{PATH}?user_id=another"):
        assert queries(as_admin, path) == []
    assert queries(as_admin, RENDER, {"user_id": "tester"}) == []
    promotion.remove_tag(prompt, "staging", by=alice)
    assert len(queries(as_admin, RENDER, {})) == 1
    assert queries(as_admin) == []


def test_what_another_process_loaded_is_not_loaded_again(as_admin: Client, prompt: Prompt, alice: Actor) -> None:
    aim(prompt.versions.get(number=2), "tester")
    answers = [as_admin.get(path).content for path in (PATH, f"{PATH}?user_id=tester")]
    serving.KEPT.clear()
    assert queries(as_admin) == []
    assert [as_admin.get(path).content for path in (PATH, f"{PATH}?user_id=tester")] == answers
    serving.KEPT.clear()
    promotion.set_tag(prompt, "production", version=prompt.versions.get(number=2), by=alice)
    assert number(as_admin) == 2


def kept_in_redis() -> set[bytes]:
    names: Any = store.client().keys("pvc:serving:*")
    return set(names)


def test_a_flood_of_user_ids_keeps_nothing(as_admin: Client, prompt: Prompt) -> None:
    number(as_admin)
    size, names = serving.KEPT.size, kept_in_redis()
    for user in range(50):
        number(as_admin, f"user-{user}")
        assert as_admin.get(f"/prompts/resolve/default:no-such-{user}").status_code == 404
    assert (serving.KEPT.size, kept_in_redis()) == (size, names)


def test_what_is_larger_than_the_cache_is_served_all_the_same(
    as_admin: Client, prompt: Prompt, alice: Actor, settings: Any
) -> None:
    settings.SERVED_CACHE_BYTES = 50_000
    large = factories.make_version(prompt, "é" * 100_000, by=alice)
    promotion.set_tag(prompt, "production", version=large, by=alice)
    for _ in range(2):
        assert served(as_admin)["body"] == "é" * 100_000
        assert serving.KEPT.size == 0


def test_what_is_too_large_for_redis_is_not_sent_there(as_admin: Client, prompt: Prompt, alice: Actor) -> None:
    large = factories.make_version(prompt, "é" * 100_000, by=alice, config={"x": "y" * cache.LARGEST_IN_REDIS})
    promotion.set_tag(prompt, "production", version=large, by=alice)
    assert number(as_admin) == 3
    serving.KEPT.clear()
    assert len(queries(as_admin)) == 1


def test_resolving_and_rendering_count_as_hot_and_write_nothing(
    as_admin: Client, prompt: Prompt, acme: Tenant, settings: Any
) -> None:
    before = AuditEntry.objects.filter(tenant_id=acme.pk).count()
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "hot": 200, "read": 77, "write": 78}
    for response in (as_admin.get(PATH), as_admin.post(RENDER, Idempotency_Key="k")):
        assert response["RateLimit-Limit"] == "200"
        assert "X-Audit-Seq" not in response.headers
    assert AuditEntry.objects.filter(tenant_id=acme.pk).count() == before


# ----------------------------------------------------------------------------- the cache itself
def test_the_cache_gives_only_what_was_kept_under_the_generation_asked_for() -> None:
    kept: cache.GenerationCache[str] = cache.GenerationCache()
    kept.put("a", 5, "five", size=1)
    assert (kept.get("a", 5), kept.get("a", 4), kept.get("a", 6), kept.get("b", 5)) == ("five", None, None, None)
    kept.put("a", 6, "six", size=1)
    kept.put("a", 5, "late", size=1)
    assert (kept.get("a", 6), kept.get("a", 5)) == ("six", None)


def test_the_cache_drops_what_was_not_asked_for_longest(settings: Any) -> None:
    settings.SERVED_CACHE_BYTES = 30
    kept: cache.GenerationCache[int] = cache.GenerationCache()
    for value in range(3):
        kept.put(value, 1, value, size=10)
    assert kept.get(0, 1) == 0
    kept.put(3, 1, 3, size=10)
    assert [kept.get(value, 1) for value in range(4)] == [0, None, 2, 3]
    kept.put(4, 1, 4, size=31)
    assert (kept.get(4, 1), kept.size) == (None, 30)
    kept.put(0, 2, 0, size=5)
    assert kept.size == 25


@pytest.mark.parametrize(
    ("one", "another"),
    [(("a", "b:c"), ("a:b", "c")), (("a", "bc"), ("ab", "c")), (("", "a"), ("a", "")), (("1:a", "b"), ("1", "a1:b"))],
)
def test_no_two_names_are_one_in_redis(one: tuple[str, ...], another: tuple[str, ...]) -> None:
    assert cache.name_in_redis("x", *one) != cache.name_in_redis("x", *another)
    assert cache.name_in_redis("x", *one) == cache.name_in_redis("x", *one)


def test_redis_gives_only_what_was_kept_under_the_generation_asked_for() -> None:
    name = cache.name_in_redis("test", "a")
    cache.to_redis(name, 5, b"five")
    assert [cache.from_redis(name, asked) for asked in (5, 4, 55, 0)] == [b"five", None, None, None]
    assert 0 < json.loads(str(store.client().pttl(name))) <= 60_000
