"""The author of a version under other names: none of them is a second pair of eyes.

Through a gateway's key a request says who acts. Whatever it says, it is the author, or nobody: no approval is written,
production stays, nobody comes into being, and each try on an audited route is in the log as `<verb>.denied`.
"""

import copy
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse

from audit.models import AuditEntry
from deployments.actions import promotion
from prompts.actions import namespaces
from prompts.models import Approval, Prompt, PromptVersion, Tag
from tenants import actions
from tenants.models import Actor, Tenant, User
from tenants.scopes import GATEWAY, SCOPES
from tests import factories
from tests.conftest import Furnish
from tests.factories import Client, error_of
from tests.security import bodies

PATH = "/prompts/guarded:support"
REASON = "the live text insults customers"
ALL = frozenset(SCOPES) - {GATEWAY}

#: How each verb is asked for: path, body, and the audit verb of a refusal.
VERBS: dict[str, tuple[str, dict[str, str], str]] = {
    "approve": ("/prompts/versions/{id}/approve", {}, "version.approved"),
    "reject": ("/prompts/versions/{id}/reject", {"reason": "no"}, "version.rejected"),
    "promote-active": ("/prompts/versions/{id}/promote-active", {}, "tag.moved"),
    "promote": (f"{PATH}/promote", {}, "tag.moved"),
    "set production": (f"{PATH}/tags/production", {"versionId": "{id}"}, "tag.moved"),
    "override": (f"{PATH}/promote/override", {"versionId": "{id}", "reason": REASON}, "promotion.overridden"),
}
#: What the author may do alone with a key that is no gateway's.
ALONE = {"override"}


# ----------------------------------------------------------------------------- the ground
@dataclass
class Ground:
    """Version 1 is live, approved by bob; version 2 is alice's, in staging, and needs somebody else."""

    alice: User
    prompt: Prompt
    version: PromptVersion
    #: Of a gateway that belongs to nobody who had a hand in it.
    gateway: Client

    def state(self) -> list[Any]:
        """Everything that a try could change."""
        models: tuple[Any, ...] = (Approval, Tag, User)
        return [list(model.objects.order_by("pk").values()) for model in models]

    def newest(self) -> AuditEntry:
        return AuditEntry.objects.filter(tenant_id=self.prompt.tenant_id).latest("seq")

    def ask(self, client: Client, verb: str, headers: dict[str, str]) -> HttpResponse:
        path, body, _ = VERBS[verb]
        version = str(self.version.pk)
        sent = {name: value.format(id=version) for name, value in body.items()}
        return client("POST", path.format(id=version), sent, **headers)

    def require_refused(self, client: Client, headers: dict[str, str], codes: set[str], *, but: set[str]) -> None:
        """Every verb but these is refused with one of these codes, leaves all as it was, and is written down."""
        before = self.state()
        for verb in VERBS.keys() - but:
            last = self.newest().seq
            answer = self.ask(client, verb, headers)
            tried = f"{verb} as {headers}"
            assert 400 <= answer.status_code < 500, tried
            error = error_of(answer)
            assert error["code"] in codes, f"{tried}: {error}"
            assert self.state() == before, f"{tried} got through"
            entry = self.newest()
            assert (entry.seq, entry.verb) == (last + 1, f"{VERBS[verb][2]}.denied"), tried
            assert entry.data["code"] == error["code"], tried


def lay_ground() -> Ground:
    acme = factories.make_tenant("acme")
    bob = factories.make_actor(acme, "bob", "Reviewer")
    factories.make_actor(factories.make_tenant("other"), "eve", "Administrator")
    alice = actions.create_user("alice", groups=["Administrator"], email="alice@example.com", by=Actor.command(acme))
    author = Actor.command(acme, alice)
    actions.create_user("protege", groups=["Administrator"], by=author)
    actions.create_user("bot", groups=["Administrator"], service_owner=alice, by=Actor.command(acme))
    gone = factories.make_user(acme, "gone", "Reviewer")
    gone.is_active = False
    gone.save(update_fields=["is_active"])
    User.objects.create(username="root", tenant=None, is_superuser=True)
    namespace = namespaces.create_namespace("guarded", name="Guarded", by=Actor.command(acme))
    prompt = factories.make_prompt(namespace, slug="support", body="Approved", by=author)
    first, second = prompt.versions.get(), factories.make_version(prompt, "Alice's own", by=author)
    promotion.promote_pre_prod(first, by=author)
    promotion.approve(first, by=bob)
    promotion.promote_pre_prod(second, by=author)
    machine = factories.make_user(acme, "gateway", "Administrator")
    return Ground(alice, prompt, second, Client(factories.make_key(machine, SCOPES).text))


@pytest.fixture(scope="module")
def laid(furnish: Furnish[Ground]) -> Ground:
    return furnish(lay_ground)


@pytest.fixture
def ground(db: None, laid: Ground) -> Ground:
    return copy.deepcopy(laid)


# ----------------------------------------------------------------------------- the names
#: Other spellings of the author's name: they are the author.
AUTHOR = [
    "alice",
    "Alice",
    "ALICE",
    "aLiCe",
    " alice",
    "alice ",
    "  Alice  ",
    "\u00a0alice",
    "alice\u3000",
    "\u2003alice\u2003",
    "\uff41\uff4c\uff49\uff43\uff45",  # full-width
    "\uff21\uff2c\uff29\uff23\uff25",
    "al\u2170ce",  # a Roman one
    "AL\u2160CE",
    "\u00aalice",  # an ordinal sign
    "a\u2113ice",  # a script l
    "ali\u2102e",  # a double-struck C
    "alic\u212f",  # a script e
    "\u24d0\u24db\u24d8\u24d2\u24d4",  # circled
    "\u24b6\u24c1\u24be\u24b8\u24ba",
    "\U0001d41a\U0001d425\U0001d422\U0001d41c\U0001d41e",  # mathematical
    "\u1d43\u02e1\u2071\u1d9c\u1d49",  # raised
]
#: Names that cannot be read, several names, none, or one that is hidden in another.
UNREADABLE = [
    "alice\u200b",
    "alice\u200c",
    "alice\u200d",
    "alice\u2060",
    "\ufeffalice",
    "al\u00adice",
    "\u202ealice",
    "alice\u2028",
    "alice\x01",
    "alice\x7f",
    "\U000e0061lice",
    "bob\u200b",
    "alice,bob",
    "bob,alice",
    "bob, alice",
    "alice\uff0cbob",
    "alice\ufe50bob",
    ",bob",
    "",
    "   ",
    "b" * 151,
    "\uff41lice".encode().decode("latin-1"),  # as a WSGI server hands UTF-8 over
]
#: Names of nobody who could act here; none of them is made by being named.
NOBODY = [
    "alice@example.com",
    "alice+x@example.com",
    "alice%20",
    "%61lice",
    "bob%00",
    "al\u0131ce",  # a dotless i
    "AL\u0130CE",
    "\u0430lice",  # a Cyrillic a
    "b\u043eb",
    "al\u2010ice",
    "alice\u0301",
    "al ice",
    "alice bob",
    "alice;bob",
    "bob|alice",
    '"bob"',
    "bob'--",
    "bob' OR '1'='1",
    "*",
    "bob*",
    "_ob",
    "null",
    "0",
    "system",
    "nobody",
    "eve",
    "gone",
    "root",
]
#: Members who do the author's bidding.
HANDS = {"protege": {"OWN_VERSION"}, "bot": {"NOT_A_DECIDER"}}

SPELLINGS = [*AUTHOR, *UNREADABLE, *NOBODY, *HANDS]
_BLOCKED = {"PROMOTION_BLOCKED", "FORBIDDEN"}
KINDS: dict[str, tuple[list[str], set[str]]] = {
    "the author": (AUTHOR, {"OWN_VERSION"} | _BLOCKED),
    "unreadable": (UNREADABLE, {"INVALID_USERNAME"}),
    "nobody": (NOBODY, {"UNKNOWN_USER"}),
    **{name: ([name], codes | _BLOCKED) for name, codes in HANDS.items()},
}
#: A handful at a time.
HANDFULS = {
    f"{kind} {start + 1}": (names[start : start + 6], codes)
    for kind, (names, codes) in KINDS.items()
    for start in range(0, len(names), 6)
}


# ----------------------------------------------------------------------------- tests
@pytest.mark.parametrize(("names", "codes"), HANDFULS.values(), ids=list(HANDFULS))
def test_through_a_gateway_no_name_is_a_second_pair_of_eyes(ground: Ground, names: list[str], codes: set[str]) -> None:
    for name in names:
        ground.require_refused(ground.gateway, {"X_User_Id": name}, codes, but=set())


def test_at_least_sixty_spellings_were_tried() -> None:
    tried = {name for names, _ in HANDFULS.values() for name in names}
    assert tried == set(SPELLINGS)
    assert len(SPELLINGS) == len(tried) >= 60, f"{len(tried)} spellings"


def test_a_name_that_is_refused_is_kept_as_it_was_sent(ground: Ground) -> None:
    for name in ("bob\u200b", "alice,bob", "alice+x@example.com"):
        assert ground.ask(ground.gateway, "approve", {"X_User_Id": name}).status_code in (400, 403)
        assert ground.newest().data["claimed"] == name


OTHER_HEADERS = [
    "X_User",
    "X_UserId",
    "X_User_Name",
    "X_Username",
    "X_Remote_User",
    "Remote_User",
    "X_Forwarded_User",
    "X_Auth_Request_User",
    "X_Acting_User",
    "X_Original_User_Id",
    "X_User_Id_2",
    "From",
]


@pytest.mark.parametrize("header", OTHER_HEADERS)
def test_another_header_names_nobody(ground: Ground, header: str) -> None:
    """The key is a gateway's and the author's own, so without X-User-Id it is the author who acts."""
    own = Client(factories.make_key(ground.alice, SCOPES).text)
    answer = ground.ask(own, "approve", {header: "bob"})
    refused = {"OWN_VERSION", "USER_REQUIRED"}
    assert error_of(answer)["code"] in refused
    assert not Approval.objects.filter(version=ground.version).exists()


def _own_keys(ground: Ground) -> dict[str, tuple[Client, dict[str, str], set[str]]]:
    """Keys that are the author's in one way or another."""
    bob, bot = User.objects.get(username="bob"), User.objects.get(username="bot")
    author = Actor.command(ground.alice.tenant or Tenant(), ground.alice)
    by_her = actions.create_user("bobs-bot", groups=["Reviewer"], service_owner=bob, by=author)
    own, blocked = {"OWN_VERSION"} | _BLOCKED, {"NOT_A_DECIDER"} | _BLOCKED

    def key(owner: User, scopes: frozenset[str] = ALL) -> Client:
        return Client(factories.make_key(owner, scopes).text)

    return {
        "a second key": (key(ground.alice), {}, own),
        "a second key that names bob": (key(ground.alice), {"X_User_Id": "bob"}, {"USER_MISMATCH"}),
        "a second key that names her": (key(ground.alice), {"X_User_Id": "\uff21lice"}, own),
        "her service account's key": (key(bot), {}, blocked),
        "her service account's key that names bob": (key(bot), {"X_User_Id": "bob"}, {"USER_MISMATCH"}),
        "the key of a service account that she made for bob": (key(by_her), {}, blocked),
        "the key of somebody whom she made": (key(User.objects.get(username="protege")), {}, own),
    }


def test_no_key_of_the_author_is_a_second_pair_of_eyes(ground: Ground) -> None:
    for client, headers, codes in _own_keys(ground).values():
        ground.require_refused(client, headers, codes, but=ALONE)


def test_an_override_takes_a_person(ground: Ground) -> None:
    """Neither a gateway's key nor a service account overrides, whoever owns it."""
    keys = _own_keys(ground)
    for name in ("her service account's key", "the key of a service account that she made for bob"):
        client, headers, codes = keys[name]
        ground.require_refused(client, headers, codes, but=VERBS.keys() - {"override"})
    own = Client(factories.make_key(ground.alice, SCOPES).text)
    for named in ({}, {"X_User_Id": "alice"}, {"X_User_Id": "bob"}, {"X_User_Id": "gateway"}):
        ground.require_refused(own, named, {"FORBIDDEN"}, but=VERBS.keys() - {"override"})


def test_a_gateways_key_of_the_author_is_the_author_where_it_names_nobody(ground: Ground) -> None:
    own = Client(factories.make_key(ground.alice, SCOPES).text)
    before = ground.state()
    for verb in VERBS:
        answer = ground.ask(own, verb, {})
        assert answer.status_code in (400, 403, 409), verb
        assert ground.state() == before, f"{verb} got through"


@pytest.mark.parametrize("field", ["user_id", "userId", "decided_by", "approved_by", "by", "actor", "X-User-Id"])
def test_a_name_in_the_body_or_the_query_is_nobodys(ground: Ground, field: str) -> None:
    """An unknown field is refused before anybody acts, so it is not in the log; a query is not read at all."""
    client = Client(factories.make_key(ground.alice, ALL).text)
    before, last = ground.state(), ground.newest().seq
    refused = client.post(f"/prompts/versions/{ground.version.pk}/approve", {field: "bob"})
    assert error_of(refused)["code"] == "VALIDATION_ERROR"
    assert ground.newest().seq == last
    asked = bodies.send(client.key, "POST", f"/prompts/versions/{ground.version.pk}/approve?{field}=bob")
    assert error_of(asked)["code"] == "OWN_VERSION"
    assert ground.newest().verb == "version.approved.denied"
    assert ground.state() == before


def test_another_person_named_by_the_same_gateway_is_one(ground: Ground) -> None:
    """What is refused above is the author, and not the gateway."""
    answer = ground.ask(ground.gateway, "approve", {"X_User_Id": " BOB "})
    assert answer.status_code == 200
    approval = Approval.objects.get(version=ground.version)
    assert (approval.decided_by.username, approval.kind, approval.approved) == ("bob", Approval.REVIEW, True)
