"""Nothing crosses from one tenant to another: generated from the URL table. And who a request may say it is."""

import copy
import hashlib
import hmac
import itertools
import json
import re
import time
import uuid
from typing import Any

import pytest
from django.apps import apps
from django.http import HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from audit.models import AuditEntry
from prompts.models import Namespace
from tenants import actions, auth
from tenants.models import Actor, Tenant, User
from tenants.scopes import GATEWAY, SCOPES
from tests import factories
from tests.conftest import Furnish
from tests.factories import Client, error_of, json_of
from tests.security import bodies
from tests.security.bodies import OBJECT_ROUTES, READ_ROUTES, ROUTES, Ground, Route

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
PATHS = sorted({route.path for route in OBJECT_ROUTES})
LISTS = [
    route
    for route in READ_ROUTES
    if route.name in ("prompts", "namespaces", "templates", "pending-approvals", "api-keys", "audit-log", "deployments")
]


@pytest.fixture(scope="module")
def laid(furnish: Furnish[tuple[Actor, Ground, Actor]]) -> tuple[Actor, Ground, Actor]:
    """Acme's administrator, things of theirs, and the administrator of another tenant, made once."""

    def lay() -> tuple[Actor, Ground, Actor]:
        admin = factories.make_actor(factories.make_tenant("acme"), "admin", "Administrator")
        eve = factories.make_actor(factories.make_tenant("other"), "eve", "Administrator")
        return admin, bodies.lay_ground(admin), eve

    return furnish(lay)


@pytest.fixture
def admin(db: None, laid: tuple[Actor, Ground, Actor]) -> Actor:
    return copy.deepcopy(laid[0])


@pytest.fixture
def acme(admin: Actor) -> Tenant:
    return admin.tenant


@pytest.fixture
def ground(db: None, laid: tuple[Actor, Ground, Actor]) -> Ground:
    return copy.deepcopy(laid[1])


@pytest.fixture
def eve(db: None, laid: tuple[Actor, Ground, Actor]) -> Actor:
    return copy.deepcopy(laid[2])


@pytest.fixture
def other(eve: Actor) -> Tenant:
    return eve.tenant


# ----------------------------------------------------------------------------- the table is covered
def test_every_parameter_of_every_route_is_covered(admin: Actor) -> None:
    """A new kind of parameter needs a foreign value of its own (tests/security/bodies.py, Ground.values)."""
    values = bodies.lay_ground(admin).values
    assert {name for route in ROUTES for name in route.parameters} == values.keys() == missing(values).keys()


def test_every_route_without_a_parameter_is_a_list_or_makes_something() -> None:
    """A new one that names objects in its query or body needs a test below."""
    assert {str(route) for route in ROUTES if not route.parameters} == {
        "GET /prompts",
        "POST /prompts",
        "GET /prompts/audit",
        "POST /prompts/audit/verify",
        "GET /prompts/audit/checkpoint",
        "GET /prompts/audit/proofs/inclusion",
        "GET /prompts/audit/proofs/consistency",
        "GET /prompts/namespaces",
        "POST /prompts/namespaces",
        "GET /prompts/pending-approvals",
        "GET /prompts/templates",
        "POST /prompts/templates",
        "POST /evaluations/trigger",
        "GET /deployments",
        "POST /deployments",
        "POST /metrics/ingest",
        "GET /evaluations/harnesses",
        "POST /evaluations/harnesses",
        "GET /webhooks",
        "POST /webhooks",
        "GET /api-keys",
        "POST /api-keys",
    }


# ----------------------------------------------------------------------------- objects
def missing(values: dict[str, str]) -> dict[str, str]:
    """The same parameters, naming nothing that ever was."""
    ids = ("ref", "key_id", "namespace_id", "change_id", "version_id", "template_id", "tier_id", "deployment_id")
    return {**values, **{name: str(uuid.uuid4()) for name in ids}}


def essence(answer: HttpResponse) -> tuple[int, Any, str | None]:
    """An answer without what differs from call to call."""
    body = json.loads(answer.content) if answer.content else None
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in ("requestId", "timestamp")}
    return answer.status_code, body, answer.headers.get("ETag")


def rows_of(tenant: Tenant) -> dict[str, list[Any]]:
    """Everything that is stored of a tenant, its log included."""
    found: dict[str, list[Any]] = {"tenants.tenant": list(Tenant.objects.filter(pk=tenant.pk).values())}
    for model in apps.get_models():
        if "tenant_id" in {column.attname for column in model._meta.concrete_fields}:
            found[model._meta.label] = list(model._default_manager.filter(tenant_id=tenant.pk).order_by("pk").values())
    return found


def sent(route: str, method: str, ground: Ground) -> list[dict[str, Any]]:
    """Bodies to try: what the route takes with the ground's ids, nothing, and what it refuses."""
    known = [each for each in OBJECT_ROUTES if (each.path, each.method) == (route, method)]
    return [*(bodies.valid_body(each, ground) for each in known if method != "GET"), {}, {"unknown": 1}]


#: What a request may carry; an empty value is a new one each time.
HEADERS: list[dict[str, str]] = [{}, {"If_Match": '"99"'}, {"Idempotency_Key": ""}]


def assert_foreign_answers_like_none(ground: Ground, client: Client, path: str, *, sparing: bool) -> None:
    """With every method, body and header; sparingly, each body without headers, and each header with one body.

    A method that the path does not have is sparingly asked for once.
    """
    allowed = {route.method for route in OBJECT_ROUTES if route.path == path}
    named = {"ref": f"default:{ground.prompt.slug}", "namespace_id": ground.change.namespace.slug}
    spellings = {Route("", "", path).filled(values): values for values in (ground.values, {**ground.values, **named})}
    for method in METHODS:
        is_known = method in allowed or (method == "HEAD" and "GET" in allowed)
        is_once = sparing and not is_known
        tries = [({}, {})] if is_once else [*itertools.product(sent(path, method, ground), HEADERS)]
        for number, (body, headers) in enumerate(tries):
            if sparing and number > len(HEADERS) and headers:
                continue
            sent_with = {name: value or uuid.uuid4().hex for name, value in headers.items()}
            for spelled, values in spellings.items():
                foreign = client(method, spelled, body, **sent_with)
                none = client(method, Route("", method, path).filled(missing(values)), body, **sent_with)
                assert essence(foreign) == essence(none), f"{method} {headers} {body}"
                assert foreign.status_code == (404 if is_known else 405), f"{method} {headers} {body}"


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_object_answers_exactly_like_none(ground: Ground, acme: Tenant, as_eve: Client, path: str) -> None:
    before = rows_of(acme)
    assert_foreign_answers_like_none(ground, as_eve, path, sparing=True)
    assert rows_of(acme) == before


@pytest.mark.long
@pytest.mark.parametrize("path", PATHS)
def test_the_same_holds_for_methods_that_a_path_does_not_have(
    ground: Ground, acme: Tenant, as_eve: Client, path: str
) -> None:
    before = rows_of(acme)
    assert_foreign_answers_like_none(ground, as_eve, path, sparing=False)
    assert rows_of(acme) == before


@pytest.mark.parametrize("path", [path for path in PATHS if "<version:version>" in path])
def test_a_foreign_version_under_an_own_prompt_answers_like_none(
    admin: Actor, eve: Actor, as_eve: Client, path: str
) -> None:
    foreign, own, other = bodies.lay_ground(admin), bodies.lay_ground(eve), bodies.lay_ground(eve)
    answers = [
        essence(as_eve.get(Route("", "GET", path).filled({**own.values, "version": version})))
        for version in (str(foreign.first.pk), str(other.first.pk), str(uuid.uuid4()), "999")
    ]
    assert answers == [answers[0]] * 4
    assert answers[0][0] == 404
    assert as_eve.get(Route("", "GET", path).filled({**own.values, "version": str(own.first.pk)})).status_code == 200


@pytest.mark.parametrize("tag", ["production", "staging", "draft"])
def test_a_tag_takes_no_version_of_another_tenant_or_prompt(admin: Actor, eve: Actor, as_eve: Client, tag: str) -> None:
    foreign, own, other = bodies.lay_ground(admin), bodies.lay_ground(eve), bodies.lay_ground(eve)
    path = f"/prompts/{own.prompt.pk}/tags/{tag}"
    as_eve.get(path)  # notes the key's use, for a minute
    before = rows_of(eve.tenant)
    ids = (foreign.first.pk, foreign.prompt.pk, other.second.pk, uuid.uuid4())
    answers = [essence(as_eve.post(path, {"versionId": str(each), "reason": "x"})) for each in ids]
    assert answers == [answers[0]] * 4
    assert answers[0][0] == 404
    assert rows_of(eve.tenant) == before


def test_a_draft_starts_from_no_version_of_another_tenant_or_prompt(admin: Actor, eve: Actor, as_eve: Client) -> None:
    foreign, own, other = bodies.lay_ground(admin), bodies.lay_ground(eve), bodies.lay_ground(eve)
    path = f"/prompts/templates/{own.prompt.pk}/versions"
    ids = (foreign.first.pk, foreign.prompt.pk, other.second.pk, uuid.uuid4())
    answers = [essence(as_eve.post(path, {"body": "New", "base_version_id": str(each)})) for each in ids]
    assert answers == [answers[0]] * 4
    assert answers[0][0] == 400
    assert as_eve.post(path, {"body": "New", "base_version_id": str(own.first.pk)}).status_code == 201


def test_what_a_version_replaces_or_is_merged_with_is_of_its_own_prompt(
    admin: Actor, eve: Actor, as_eve: Client
) -> None:
    foreign, own, other = bodies.lay_ground(admin), bodies.lay_ground(eve), bodies.lay_ground(eve)
    path = f"/prompts/versions/{own.first.pk}/promote-pre-prod"
    ids = (foreign.second.pk, other.second.pk, own.first.pk, uuid.uuid4())
    for route, more in (("override", {"reason": "x"}), ("merge", {})):
        bodies_ = [{"expected_version_id": str(each), **more} for each in ids]
        answers = [essence(as_eve.post(f"{path}/{route}", body)) for body in bodies_]
        assert answers == [answers[0]] * 4
        assert (answers[0][0], answers[0][1]["error"]["code"]) == (409, "STALE")


def test_a_template_has_no_namespace_or_tier_of_another_tenant(admin: Actor, eve: Actor, as_eve: Client) -> None:
    foreign, own = bodies.lay_ground(admin), bodies.lay_ground(eve)
    theirs = foreign.tier.namespace
    new = {"slug": "new", "name": "New"}
    in_theirs = [{**new, "namespace": each} for each in (str(theirs.pk), theirs.slug, str(uuid.uuid4()), "nobodys")]
    with_theirs = [
        {**new, "namespace": own.tier.namespace.slug, "tier": each} for each in (str(foreign.tier.pk), "nobodys")
    ]
    for named in (in_theirs, with_theirs):
        answers = [essence(as_eve.post("/prompts/templates", body)) for body in named]
        assert answers == [answers[0]] * len(named)
        assert answers[0][0] == 400
    changed = as_eve.put(f"/prompts/templates/{own.prompt.pk}", {"tier": str(foreign.tier.pk)})
    assert changed.status_code == 400
    assert not theirs.prompts.exists()


def test_traffic_is_split_between_no_versions_of_another_tenant_or_prompt(
    admin: Actor, eve: Actor, as_eve: Client
) -> None:
    foreign, own, other = bodies.lay_ground(admin), bodies.lay_ground(eve), bodies.lay_ground(eve)
    as_eve.get("/deployments")  # notes the key's use, for a minute
    before = rows_of(eve.tenant)["deployments.Variant"]
    ids = (foreign.first.pk, foreign.prompt.pk, other.second.pk, uuid.uuid4())
    shares = [{"variants": [{"versionId": str(each), "weight": 100}]} for each in ids]
    for method, path, more in (
        ("POST", "/deployments", {"promptId": str(own.prompt.pk)}),
        ("PUT", f"/deployments/{own.deployment.pk}", {}),
    ):
        answers = [essence(as_eve(method, path, {**more, **each})) for each in shares]
        assert answers == [answers[0]] * 4
        assert answers[0][0] == 400
    prompts = [str(each) for each in (foreign.prompt.pk, foreign.first.pk, uuid.uuid4())]
    answers = [essence(as_eve.post("/deployments", {"promptId": each, **shares[0]})) for each in prompts]
    assert answers == [answers[0]] * 3
    assert answers[0][0] == 404
    assert rows_of(eve.tenant)["deployments.Variant"] == before


def test_nothing_is_measured_of_another_tenants_version_or_deployment(admin: Actor, eve: Actor, as_eve: Client) -> None:
    foreign, own = bodies.lay_ground(admin), bodies.lay_ground(eve)
    item = {"type": "latency", "name": "total", "value": 1, "unit": "ms", "sessionId": "a"}
    versions = [str(each) for each in (foreign.first.pk, foreign.prompt.pk, uuid.uuid4())]
    deployments = [str(each) for each in (foreign.deployment.pk, foreign.first.pk, uuid.uuid4())]
    for bad in (
        [{**item, "versionId": each} for each in versions],
        [{**item, "versionId": str(own.first.pk), "deploymentId": each} for each in deployments],
    ):
        answers = [essence(as_eve.post("/metrics/ingest", {"metrics": [each]})) for each in bad]
        assert answers == [answers[0]] * 3
        assert answers[0][0] == 400


def test_the_same_names_are_free_in_every_tenant(as_admin: Client, as_eve: Client) -> None:
    for client in (as_admin, as_eve):
        assert client.post("/prompts", {"name": "same", "template": client.key}).status_code == 201
    assert json_of(as_eve.get("/prompts/same"))["template"] == as_eve.key
    assert json_of(as_admin.get("/prompts/default:same"))["template"] == as_admin.key


def test_an_idempotency_key_is_its_own_in_every_tenant(as_admin: Client, as_eve: Client) -> None:
    body = {"name": "same", "template": "t"}
    made = [json_of(client.post("/prompts", body, Idempotency_Key="k")) for client in (as_admin, as_eve)]
    assert made[0]["id"] != made[1]["id"]


def test_a_namespace_of_another_tenant_cannot_be_written_to(admin: Actor, as_eve: Client, acme: Tenant) -> None:
    theirs = Namespace.objects.create(tenant=acme, slug="theirs", name="theirs")
    refused = as_eve.post("/prompts", {"name": "a", "template": "b", "namespace": "theirs"})
    unknown = as_eve.post("/prompts", {"name": "a", "template": "b", "namespace": "nobodys"})
    assert essence(refused) == essence(unknown)
    assert refused.status_code == 400
    assert not theirs.prompts.exists()


# ----------------------------------------------------------------------------- lists
@pytest.mark.parametrize("route", LISTS, ids=str)
def test_a_list_shows_nothing_of_another_tenant(admin: Actor, ground: Ground, as_eve: Client, route: Route) -> None:
    slug, key = ground.prompt.slug, ground.key.key_id
    for query in (
        "",
        "limit=100",
        "archived=all",
        "namespace=default",
        f"search={slug}",
        "search=%25",
        "tag=production",
        f"template_id={ground.prompt.pk}",
        f"tenant={admin.tenant.pk}",
        f"tenant_id={admin.tenant.pk}",
        "ordering=tenant__slug",
    ):
        answer = as_eve.get(f"/{route.path}?{query}")
        assert answer.status_code == 200
        text = answer.content.decode()
        assert [each for each in [*ground.ids, slug, key, "acme"] if each in text] == []
    assert json_of(as_eve.get("/prompts"))["data"] == []


@pytest.fixture
def cursors(admin: Actor, as_admin: Client) -> dict[str, str]:
    """A cursor of each list that has a second page, by the path and query it is good for."""
    ground, other = bodies.lay_ground(admin), bodies.lay_ground(admin)
    assert ground.prompt.pk != other.prompt.pk
    lists = [
        "/prompts?limit=1",
        "/prompts?limit=1&archived=all",
        "/prompts?limit=1&search=p-",
        "/prompts?limit=1&namespace=default",
        "/prompts?limit=1&tag=production",
        "/api-keys?limit=1",
        "/prompts/namespaces?limit=1",
        "/prompts/templates?limit=1",
        "/prompts/templates?limit=1&archived=all",
        "/prompts/templates?limit=1&search=p-",
        "/prompts/templates?limit=1&namespace=default",
        "/prompts/audit?limit=1",
        f"/prompts/audit?limit=1&template_id={ground.prompt.pk}",
        f"/prompts/audit?limit=1&template_id={other.prompt.pk}",
        f"/prompts/{ground.prompt.pk}/versions?limit=1",
        f"/prompts/{other.prompt.pk}/versions?limit=1",
        f"/prompts/templates/{ground.prompt.pk}/versions?limit=1",
        f"/prompts/templates/{other.prompt.pk}/versions?limit=1",
    ]
    metas = {path: json_of(as_admin.get(path))["meta"] for path in lists}
    return {path: meta.get("nextCursor") or meta["next_cursor"] for path, meta in metas.items()}


def test_a_cursor_is_good_for_its_own_list_only(as_admin: Client, cursors: dict[str, str]) -> None:
    for path in cursors:
        for origin, cursor in cursors.items():
            answer = as_admin.get(f"{path}&cursor={cursor}")
            if origin == path:
                assert answer.status_code == 200
            else:
                assert (answer.status_code, error_of(answer)["code"]) == (400, "INVALID_CURSOR"), f"{origin} on {path}"


def test_a_cursor_is_good_for_its_own_tenant_only(as_eve: Client, eve: Actor, cursors: dict[str, str]) -> None:
    bodies.lay_ground(eve)
    for path, cursor in cursors.items():
        answer = as_eve.get(f"{path}&cursor={cursor}")
        is_list = re.fullmatch(r"/(prompts|api-keys|prompts/(audit|namespaces|templates|pending-approvals))\?.*", path)
        assert answer.status_code == (400 if is_list else 404), path


# ----------------------------------------------------------------------------- X-Tenant-Id
@pytest.mark.parametrize("spelling", ["{id}", "{slug}", " {slug} ", "{ID}"])
def test_the_tenant_may_be_confirmed(as_admin: Client, acme: Tenant, spelling: str) -> None:
    named = spelling.format(id=acme.pk, slug=acme.slug, ID=str(acme.pk).upper())
    assert as_admin.get("/prompts", X_Tenant_Id=named).status_code == 200


@pytest.mark.parametrize("named", ["{other}", "other", "nobody", "", "acme,other", "acme other", "%", "\u00e4"])
def test_another_tenant_is_refused_on_every_route(as_admin: Client, ground: Ground, other: Tenant, named: str) -> None:
    for route in ROUTES:
        answer = as_admin(route.method, route.filled(ground.values), {}, X_Tenant_Id=named.format(other=other.pk))
        assert (answer.status_code, error_of(answer)["code"]) == (403, "TENANT_MISMATCH"), str(route)


def last_entry(tenant: Tenant) -> AuditEntry:
    return AuditEntry.objects.filter(tenant_id=tenant.pk).latest("seq")


@pytest.mark.parametrize(
    ("method", "path", "body", "verb"),
    [
        ("POST", "/tags/production", {"versionId": str(uuid.UUID(int=1))}, "tag.moved.denied"),
        ("DELETE", "/tags/staging", None, "tag.removed.denied"),
        ("DELETE", "", None, "prompt.archived.denied"),
    ],
)
def test_a_refusal_at_the_door_of_an_audited_route_is_written_down(
    as_admin: Client, admin: Actor, acme: Tenant, method: str, path: str, body: Any, verb: str
) -> None:
    prompt = bodies.lay_ground(admin).prompt
    answer = as_admin(method, f"/prompts/{prompt.pk}{path}", body, X_Tenant_Id="other", X_User_Id="mallory" * 50)
    assert answer.status_code == 403
    entry = last_entry(acme)
    assert (entry.verb, entry.actor, entry.target) == (verb, "admin", str(prompt.pk))
    assert entry.data["code"] == "TENANT_MISMATCH"
    assert entry.data["claimed"] == ("mallory" * 50)[:100]


# ----------------------------------------------------------------------------- X-User-Id on an ordinary key
@pytest.mark.parametrize("named", ["admin", "ADMIN", " admin ", "\uff41\uff44\uff4d\uff49\uff4e", "\uff21dmin"])
def test_an_ordinary_key_may_name_its_owner_in_any_spelling(as_admin: Client, named: str) -> None:
    assert as_admin.get("/prompts", X_User_Id=named).status_code == 200


@pytest.mark.parametrize("named", ["alice", "eve", "nobody", "admin2", "adm in", "root"])
def test_an_ordinary_key_names_nobody_else(as_admin: Client, alice: Actor, eve: Actor, named: str) -> None:
    answer = as_admin.get("/prompts", X_User_Id=named)
    assert (answer.status_code, error_of(answer)["code"]) == (403, "USER_MISMATCH")


UNREADABLE_NAMES = {
    "zero-width": "ad\u200bmin",
    "joiner": "admin\u200d",
    "right-to-left": "\u202eadmin",
    "byte-order-mark": "\ufeffadmin",
    "soft-hyphen": "ad\u00admin",
    "comma": "admin,alice",
    "fullwidth-comma": "admin\uff0calice",
    "control": "admin\x01",
    "tab": "ad\tmin",
    "c1-control": "admin\x85",
    "line-separator": "admin\u2028",
    "nothing": "",
    "blank": "   ",
    "too-long": "a" * 151,
}


@pytest.mark.parametrize("named", UNREADABLE_NAMES.values(), ids=list(UNREADABLE_NAMES))
def test_a_name_with_hidden_characters_is_refused_on_every_key(as_admin: Client, gateway: Client, named: str) -> None:
    for client in (as_admin, gateway):
        answer = client.get("/prompts", X_User_Id=named)
        assert (answer.status_code, bodies.fault_of(answer)) == (400, None)


# ----------------------------------------------------------------------------- X-User-Id on a gateway's key
@pytest.fixture
def gateway(admin: Actor) -> Client:
    """A key of the administrator's that names its acting user, with every scope there is."""
    return Client(factories.make_key(admin.author, SCOPES).text)


def whoami(client: Client, **headers: str) -> tuple[int, str]:
    """The status of a write, and who did it according to the log."""
    answer = client.post("/prompts", {"name": f"w-{uuid.uuid4().hex}", "template": "t"}, **headers)
    return answer.status_code, last_entry(Tenant.objects.get(slug="acme")).actor


SPELLINGS = ["alice", "ALICE", "  alice ", "\uff41\uff4c\uff49\uff43\uff45", "\uff21L\u2160CE"]


@pytest.mark.parametrize("named", SPELLINGS)
def test_a_gateway_names_the_acting_member_in_any_spelling(gateway: Client, alice: Actor, named: str) -> None:
    assert whoami(gateway, X_User_Id=named) == (201, "alice")


def test_without_a_name_a_gateways_owner_acts(gateway: Client) -> None:
    assert whoami(gateway) == (201, "admin")


@pytest.mark.parametrize("named", ["nobody", "eve", "ghost", "alice2", "al ice", "\u0430lice", "root", "system"])
def test_a_gateway_names_members_only_and_makes_nobody(
    gateway: Client, alice: Actor, eve: Actor, acme: Tenant, named: str
) -> None:
    ghost = factories.make_user(acme, "ghost")
    ghost.is_active = False
    ghost.save(update_fields=["is_active"])
    User.objects.create(username="root", tenant=None, is_superuser=True)
    users = list(User.objects.order_by("pk").values())
    status, _ = whoami(gateway, X_User_Id=named)
    assert status == 403
    assert error_of(gateway.get("/prompts", X_User_Id=named))["code"] == "UNKNOWN_USER"
    assert list(User.objects.order_by("pk").values()) == users


def test_all_unknown_users_are_told_the_same(gateway: Client, eve: Actor, acme: Tenant) -> None:
    ghost = factories.make_user(acme, "ghost")
    ghost.is_active = False
    ghost.save(update_fields=["is_active"])
    answers = [essence(gateway.get("/prompts", X_User_Id=named)) for named in ("eve", "ghost", "nobody")]
    assert answers == [answers[0]] * 3


def test_an_unknown_user_on_an_audited_route_is_written_down(gateway: Client, ground: Ground, acme: Tenant) -> None:
    path = f"/prompts/{ground.prompt.pk}/tags/production"
    assert gateway.post(path, {"versionId": str(ground.second.pk)}, X_User_Id="nobody").status_code == 403
    entry = last_entry(acme)
    assert (entry.verb, entry.actor, entry.data["code"]) == ("tag.moved.denied", "admin", "UNKNOWN_USER")
    assert entry.data["claimed"] == "nobody"


def test_an_unreadable_user_on_an_audited_route_is_written_down(gateway: Client, ground: Ground, acme: Tenant) -> None:
    path = f"/prompts/{ground.prompt.pk}/tags/production"
    assert gateway.post(path, {"versionId": str(ground.second.pk)}, X_User_Id="a\u200b").status_code == 400
    assert (last_entry(acme).verb, last_entry(acme).data["claimed"]) == ("tag.moved.denied", "a\u200b")


def test_through_a_gateway_a_user_has_the_keys_scopes_and_their_own(
    admin: Actor, ground: Ground, alice: Actor, bob: Actor
) -> None:
    reads = Client(factories.make_key(admin.author, {"prompts:read", GATEWAY}).text)
    assert reads.get("/prompts", X_User_Id="alice").status_code == 200
    assert whoami(reads, X_User_Id="alice")[0] == 403
    all_of_it = Client(factories.make_key(admin.author, SCOPES).text)
    path, body = f"/prompts/{ground.prompt.pk}/tags/production", {"versionId": str(ground.second.pk)}
    assert all_of_it.post(path, body, X_User_Id="alice").status_code == 403
    assert all_of_it.post(path, body, X_User_Id="bob").status_code == 200


@pytest.mark.parametrize("named", [None, "admin", "boss"])
def test_administration_is_never_had_through_a_gateway(gateway: Client, acme: Tenant, named: str | None) -> None:
    factories.make_user(acme, "boss", "Administrator")
    headers = {"X_User_Id": named} if named else {}
    for method, path, body in (
        ("GET", "/api-keys", None),
        ("POST", "/api-keys", {"name": "k", "scopes": ["prompts:read"]}),
        ("DELETE", f"/api-keys/{uuid.uuid4()}", None),
    ):
        answer = gateway(method, path, body, **headers)
        assert (answer.status_code, error_of(answer)["code"]) == (403, "FORBIDDEN")
        assert "admin" in error_of(answer)["message"]


@pytest.mark.parametrize("named", [None, "admin", "boss"])
def test_an_override_is_never_had_through_a_gateway(admin: Actor, acme: Tenant, named: str | None) -> None:
    factories.make_user(acme, "boss", "Administrator")
    owner = Actor.of_key(factories.make_key(admin.author, SCOPES).row)
    request = RequestFactory().get("/", headers={"X-User-Id": named} if named else {})
    assert owner.may("prompts:override")
    assert auth.acting(owner, request).scopes == frozenset(SCOPES) - {"prompts:override", "admin", GATEWAY}


def test_a_gateways_key_never_does_what_its_owner_may_not(
    acme: Tenant, alice: Actor, bob: Actor, ground: Ground
) -> None:
    """A key never exceeds what its owner may do at the time of use; that holds whoever acts through it."""
    gateway = Client(factories.make_key(alice.author, SCOPES).text)
    path, body = f"/prompts/{ground.prompt.pk}/tags/production", {"versionId": str(ground.second.pk)}
    assert gateway.post(path, body, X_User_Id="bob").status_code == 403


def test_the_gateway_scope_itself_is_nobodys_right(gateway: Client, as_admin: Client) -> None:
    for client in (gateway, as_admin):
        answer = client.post("/api-keys", {"name": "k", "scopes": [GATEWAY]})
        assert answer.status_code == 403


def test_a_revoked_or_ownerless_gateway_opens_nothing(acme: Tenant, alice: Actor) -> None:
    owner = factories.make_user(acme, "owner")
    issued = factories.make_key(owner, SCOPES)
    assert Client(issued.text).get("/prompts", X_User_Id="alice").status_code == 200
    owner.is_active = False
    owner.save(update_fields=["is_active"])
    assert Client(issued.text).get("/prompts", X_User_Id="alice").status_code == 401
    owner.is_active = True
    owner.save(update_fields=["is_active"])
    actions.revoke_api_key(issued.row, by=alice)
    assert Client(issued.text).get("/prompts", X_User_Id="alice").status_code == 401


# ----------------------------------------------------------------------------- X-Gateway-Signature
SECRET = "a gateway's secret of 32 characters"


@pytest.fixture
def signing(settings: Settings, gateway: Client, alice: Actor) -> Client:
    """The gateway's key where calls must be signed."""
    settings.GATEWAY_SECRET = SECRET
    return gateway


def signature(
    method: str, target: str, body: bytes, tenant: str, user: str, *, age: int = 0, secret: str = SECRET
) -> str:
    """Contract 2: t=<unix>,v1=<hex HMAC-SHA256(secret, t.method.path.sha256hex(body).tenant.user)>."""
    moment = int(time.time()) - age
    text = ".".join([str(moment), method, target, hashlib.sha256(body).hexdigest(), tenant, user])
    return f"t={moment},v1={hmac.new(secret.encode(), text.encode(), 'sha256').hexdigest()}"


def render(client: Client, path: str = "/prompts/p/render", body: bytes = b"{}", **headers: str) -> HttpResponse:
    return client("POST", path, body, **headers)


PATH = "/api/v1/prompts/p/render"
GOOD: dict[str, Any] = {"method": "POST", "target": PATH, "body": b"{}", "tenant": "acme", "user": "alice"}


@pytest.mark.parametrize(
    "signed",
    [
        {},
        {"age": 58},
        {"age": -58},
    ],
    ids=["now", "a minute old", "a minute ahead"],
)
def test_a_signed_call_is_taken(signing: Client, signed: dict[str, Any]) -> None:
    header = signature(**{**GOOD, **signed})
    answer = render(signing, X_Tenant_Id="acme", X_User_Id="alice", X_Gateway_Signature=header)
    assert answer.status_code == 404  # no such prompt: the door is open
    assert render(signing, X_Tenant_Id="acme", X_User_Id="alice", X_Gateway_Signature=header).status_code == 404


@pytest.mark.parametrize(
    "signed",
    [
        {"age": 62},
        {"age": -62},
        {"body": b'{"a":1}'},
        {"body": b""},
        {"method": "PUT"},
        {"target": "/api/v1/prompts/q/render"},
        {"target": PATH + "?a=1"},
        {"target": "/prompts/p/render"},
        {"tenant": ""},
        {"tenant": "other"},
        {"user": "bob"},
        {"user": "ALICE"},
        {"secret": "another secret of 32 characters!!"},
        {"secret": ""},
    ],
    ids=str,
)
def test_a_call_signed_for_something_else_is_refused(signing: Client, signed: dict[str, Any]) -> None:
    header = signature(**{**GOOD, **signed})
    answer = render(signing, X_Tenant_Id="acme", X_User_Id="alice", X_Gateway_Signature=header)
    assert (answer.status_code, error_of(answer)["code"]) == (403, "BAD_GATEWAY_SIGNATURE")


@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        lambda _: "",
        lambda header: header.replace("v1=", "v0="),
        lambda header: header.partition(",")[2],
        lambda header: header.upper(),
        lambda header: header[:-1],
        lambda header: header + "0",
        lambda header: re.sub(r"t=\d+", "t=", header),
        lambda header: re.sub(r"t=\d+", "t=-1", header),
        lambda header: re.sub(r"t=(\d+)", r"t=\g<1>.5", header),
        lambda header: re.sub(r"t=\d+", "t=" + "9" * 400, header),
        lambda header: f"{header},{header}",
        lambda header: " " + header + " x",
    ],
)
def test_a_missing_or_malformed_signature_is_refused(signing: Client, change: Any) -> None:
    header = change(signature(**GOOD))
    headers: dict[str, Any] = {} if header is None else {"X_Gateway_Signature": header}
    answer = render(signing, X_Tenant_Id="acme", X_User_Id="alice", **headers)
    assert (answer.status_code, error_of(answer)["code"]) == (403, "BAD_GATEWAY_SIGNATURE")


@pytest.mark.parametrize(
    ("target", "headers", "tenant", "user"),
    [
        ("/prompts/p/render?a=1&b=%20x&c=%C3%A9", {"X_User_Id": "alice"}, "", "alice"),
        ("/prompts/default:p/render", {"X_User_Id": "alice"}, "", "alice"),
        ("/prompts/default%3Ap/render", {"X_User_Id": "alice"}, "", "alice"),
        ("/prompts/default%3ap/render?x=a:b", {"X_User_Id": "alice"}, "", "alice"),
        ("/prompts/p/render?x=a%3Ab:c", {"X_User_Id": " ALICE "}, "", " ALICE "),
        ("/prompts/p/render", {"X_User_Id": "alice", "X_Tenant_Id": " ACME "}, " ACME ", "alice"),
        ("/prompts/p/render", {}, "", ""),
    ],
)
def test_path_and_headers_are_signed_as_they_are_sent(
    signing: Client, target: str, headers: dict[str, Any], tenant: str, user: str
) -> None:
    header = signature("POST", f"/api/v1{target}", b"{}", tenant, user)
    answer = render(signing, target, X_Gateway_Signature=header, **headers)
    assert (answer.status_code, error_of(answer)["code"]) == (404, "NOT_FOUND")


def test_a_read_is_signed_over_no_bytes(signing: Client) -> None:
    header = signature("GET", "/api/v1/prompts?limit=5", b"", "", "alice")
    assert signing.get("/prompts?limit=5", X_User_Id="alice", X_Gateway_Signature=header).status_code == 200
    assert signing.get("/prompts?limit=6", X_User_Id="alice", X_Gateway_Signature=header).status_code == 403


def test_other_keys_need_no_signature(signing: Client, as_alice: Client) -> None:
    assert as_alice.get("/prompts").status_code == 200


def test_without_a_secret_no_signature_is_asked_for(gateway: Client, alice: Actor, settings: Settings) -> None:
    settings.GATEWAY_SECRET = ""
    assert gateway.get("/prompts", X_User_Id="alice").status_code == 200


def test_an_unsigned_call_on_an_audited_route_is_written_down(signing: Client, ground: Ground, acme: Tenant) -> None:
    path = f"/prompts/{ground.prompt.pk}/tags/production"
    assert signing.post(path, {"versionId": str(ground.second.pk)}, X_User_Id="alice").status_code == 403
    entry = last_entry(acme)
    assert (entry.verb, entry.data["code"], entry.data["claimed"]) == (
        "tag.moved.denied",
        "BAD_GATEWAY_SIGNATURE",
        "alice",
    )
