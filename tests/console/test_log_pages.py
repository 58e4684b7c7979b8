"""The audit log in the console: who reads it, what a search finds, what a verification says, what is handed out."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from audit import sealing, search, sentences
from audit.entries import Fault
from audit.models import AuditEntry, Checkpoint
from audit.verify import Report, Statement
from deployments.actions import promotion
from prompts.actions import namespaces
from prompts.models import Namespace, Prompt
from pvc.errors import Conflict
from tenants.models import Actor, Tenant, User
from tests import factories
from tests.audit.logs import as_owner, grow, sealed_log, size_of, tampered
from tests.console.routes import logged_in

LOG = reverse("console:log")
VERIFY = reverse("console:verify-log")
CHECKPOINT = reverse("console:checkpoint")


@pytest.fixture
def prompt(namespace: Namespace, alice: Actor) -> Prompt:
    return factories.make_prompt(namespace, by=alice, slug="support")


def numbers(browser: Browser, **asked: Any) -> list[int]:
    """The numbers of the entries that a search shows, in the order of the page."""
    answer = browser.get(LOG, asked)
    assert answer.status_code == 200
    return [entry.seq for entry in answer.context["part"].rows]


def of(tenant: Tenant, **columns: Any) -> list[int]:
    found = AuditEntry.objects.filter(tenant_id=tenant.pk, **columns).order_by("-seq")
    return list(found.values_list("seq", flat=True))


# ----------------------------------------------------------------------------- who, and what
def test_the_log_takes_the_right_to_read_it(alice: Actor, admin: Actor) -> None:
    assert logged_in(alice).get(LOG).status_code == 403
    assert logged_in(admin).get(LOG).status_code == 200


def test_platform_staff_read_the_log_of_the_tenant_they_chose(acme: Tenant, other: Tenant) -> None:
    staff = User.objects.create(username="operator", is_staff=True, is_superuser=True)
    browser = Browser()
    browser.force_login(staff, backend="tenants.console.ConsoleBackend")
    assert browser.get(LOG)["Location"] == reverse("console:tenants")
    browser.post(reverse("console:choose-tenant", args=[acme.pk]))
    assert numbers(browser) == of(acme)
    assert {entry.tenant_id for entry in browser.get(LOG).context["part"].rows} == {acme.pk}


def test_an_entry_says_what_it_carries_and_leads_to_its_prompt(admin: Actor, alice: Actor, prompt: Prompt) -> None:
    page = logged_in(admin).get(LOG).content.decode()
    assert "A prompt was made." in page
    assert reverse("console:prompt", args=[prompt.pk]) in page
    assert "<dt>namespace</dt><dd>default</dd>" in page
    assert "<code>user.created</code> <strong>alice</strong>" in page
    hashes = AuditEntry.objects.filter(tenant_id=admin.tenant.pk).values_list("entry_hash", flat=True)
    assert all(bytes(each).hex() in page for each in hashes)


def test_a_refused_attempt_is_told_as_one(admin: Actor, alice: Actor, prompt: Prompt) -> None:
    factories.change_policy(prompt.namespace, required_approvals=1)
    with pytest.raises(Conflict):
        promotion.promote_active(prompt.versions.get(), by=alice)
    browser = logged_in(admin)
    (denied,) = of(admin.tenant, verb="tag.moved.denied")
    assert numbers(browser, verb="tag.moved") == [denied]
    page = browser.get(LOG, {"verb": "refused"}).content.decode()
    assert "tag.moved.denied" in page
    assert ">refused</span>" in page
    assert "Attempted: A tag points at another version" in page


def test_hostile_words_are_words(admin: Actor) -> None:
    namespaces.create_namespace("hostile", name="<svg onload=alert(1)>", by=admin)
    page = logged_in(admin).get(LOG).content.decode()
    assert "<svg onload" not in page
    assert "&lt;svg onload" in page


def test_a_page_holds_fifty_and_leads_on(admin: Actor) -> None:
    grow(admin.tenant, 120)
    browser, size = logged_in(admin), size_of(admin.tenant)
    first = browser.get(LOG)
    assert [entry.seq for entry in first.context["part"].rows] == list(range(size, size - 50, -1))
    second = browser.get(LOG + first.context["part"].older)
    assert [entry.seq for entry in second.context["part"].rows] == list(range(size - 50, size - 100, -1))
    back = browser.get(LOG + second.context["part"].newer)
    assert [entry.seq for entry in back.context["part"].rows] == list(range(size, size - 50, -1))


# ----------------------------------------------------------------------------- searching
def test_a_search_finds_by_who_what_and_on_what(admin: Actor, alice: Actor, bob: Actor, prompt: Prompt) -> None:
    promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=bob)
    browser, acme = logged_in(admin), admin.tenant
    assert numbers(browser, actor="Bob ") == of(acme, actor="bob") != []
    assert alice.api_key
    through = f"key:{alice.api_key.key_id}"
    assert numbers(browser, actor=through) == of(acme, via=through) != []
    assert numbers(browser, verb="prompt.created") == of(acme, verb="prompt.created") != []
    assert numbers(browser, about=str(prompt.pk)) == of(acme, prompt_id=prompt.pk) != []
    assert numbers(browser, about=str(bob.author.pk)) == of(acme, target=str(bob.author.pk)) != []
    assert numbers(browser, actor="bob", about=str(prompt.pk)) == of(acme, actor="bob", prompt_id=prompt.pk) != []
    assert numbers(browser, actor="alice", verb="tag.moved") == []


@pytest.mark.parametrize(
    "asked",
    [
        *({"actor": "a\u2066b"}, {"verb": "no.such"}, {"about": str(uuid.uuid4())}, {"about": "%"}),
        *({"since": "2999-01-01"}, {"until": "1999-01-01"}, {"upto": "0"}),
    ],
    ids="-".join,
)
def test_what_fits_nothing_finds_nothing(admin: Actor, asked: dict[str, str]) -> None:
    assert numbers(logged_in(admin), **asked) == []


@pytest.mark.parametrize("asked", [{"since": "x"}, {"upto": "x"}, {"upto": "9" * 30}, {"before": "x"}, {"until": ""}])
def test_what_is_no_value_is_not_asked_for(admin: Actor, asked: dict[str, str]) -> None:
    assert numbers(logged_in(admin), **asked) == of(admin.tenant)


def test_another_tenants_entries_are_not_found(admin: Actor, eve: Actor) -> None:
    assert numbers(logged_in(admin), actor="eve") == []
    assert numbers(logged_in(admin), about=str(eve.author.pk)) == []


#: How many entries were made on which days; the seventh was redacted.
DAYS = {"2026-03-01": 5, "2026-03-02": 4, "2026-03-04": 1, "2026-03-05": 7}
_ON_DAY = "UPDATE audit_auditentry SET at = %(at)s WHERE tenant_id = %(tenant)s AND seq = %(seq)s"
_REDACTED = "UPDATE audit_auditentry SET at = 'epoch', verb = 'entry.redacted' WHERE tenant_id = %(tenant)s AND seq = 7"


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, (1, 17)),
        ("2026-03-02", None, (6, 17)),
        (None, "2026-03-02", (1, 9)),
        ("2026-03-03", "2026-03-04", (10, 10)),
        ("2026-03-03", "2026-03-03", (10, 9)),
        ("2026-02-01", "2026-02-28", (1, 0)),
        ("2026-03-06", None, (18, 17)),
        ("2026-03-05", "9999-12-31", (11, 17)),
    ],
)
def test_a_search_keeps_to_the_days_asked_for(
    committed: None, since: str | None, until: str | None, expected: tuple[int, int]
) -> None:
    tenant = factories.make_tenant()
    days = [day for day, count in DAYS.items() for _ in range(count)]
    grow(tenant, len(days) - size_of(tenant))
    with as_owner(), connection.cursor() as cursor:
        for seq, day in enumerate(days, 1):
            cursor.execute(_ON_DAY, {"at": f"{day}T{seq:02}:00:00Z", "tenant": tenant.pk, "seq": seq})
        cursor.execute(_REDACTED, {"tenant": tenant.pk})
        wanted = search.Wanted(
            since=dt.date.fromisoformat(since) if since else None, until=dt.date.fromisoformat(until) if until else None
        )
        found = search.look(Actor.command(tenant), wanted)
        assert (found.first, found.last) == expected
        assert sorted(entry.seq for entry in found.rows) == list(range(found.first, found.last + 1))


def test_what_has_no_index_is_looked_for_a_span_at_a_time(admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SPAN", 40)
    factories.make_user(admin.tenant, "carol")
    (theirs,) = of(admin.tenant, verb="user.created", data__username="carol")
    grow(admin.tenant, 70)
    browser, size = logged_in(admin), size_of(admin.tenant)
    found: list[int] = []
    answer = browser.get(LOG, {"verb": "user.created"})
    for _ in range(5):
        found += [entry.seq for entry in answer.context["part"].rows]
        spans = answer.context["found"]
        assert spans.last - spans.first < 40
        if not answer.context["further"]:
            break
        assert b"Look further back" in answer.content
        answer = browser.get(LOG + answer.context["further"])
    assert found == of(admin.tenant, verb="user.created")
    assert theirs in found
    assert theirs < size - 40
    assert browser.get(LOG).context["further"] == ""


# ----------------------------------------------------------------------------- verifying
def verified(browser: Browser, **fields: str) -> str:
    answer = browser.post(VERIFY, fields)
    assert answer.status_code == 200, answer
    return " ".join(answer.content.decode().split())


def test_a_whole_log_is_said_to_be_whole(admin: Actor) -> None:
    grow(admin.tenant, 10)
    browser, size = logged_in(admin), size_of(admin.tenant)
    assert f"each of its {size} entries is what was written" in verified(browser)
    assert "No checkpoint signs these entries yet" in verified(browser)


def test_what_was_found_whole_is_read_again_only_when_asked(committed: None) -> None:
    tenant = sealed_log(30, 4)
    browser = logged_in(factories.make_actor(tenant))
    size = size_of(tenant)
    assert f"each of its {size} entries" in verified(browser)
    page = verified(browser)
    assert f"Its first 30 entries were found so before; the {size - 30} added since were read now." in page
    assert f"holds the first 30 entries to what they say. {size - 30} newer ones wait" in page
    assert f"each of its {size} entries" in verified(browser, full="1")


def test_a_log_that_was_tampered_with_is_told_of_entry_by_entry(committed: None) -> None:
    tenant = sealed_log(30)
    browser = logged_in(factories.make_actor(tenant))
    statements = (
        "UPDATE audit_auditentry SET actor = 'mallory' WHERE tenant_id = %(tenant)s AND seq = 12",
        "DELETE FROM audit_auditentry WHERE tenant_id = %(tenant)s AND seq IN (20, 22, 23)",
    )
    with as_owner(), tampered(*statements, tenant=tenant.pk):
        page = verified(browser, full="1")
    assert "The log is not what was written." in page
    assert f'<a href="{LOG}?upto=12">12</a></td><td><code>column</code></td>' in page
    assert "Its column actor does not say what was signed." in page
    assert "Missing: 20, 22 to 23." in page


def test_a_log_that_was_exchanged_contradicts_the_checkpoint_that_somebody_kept(committed: None) -> None:
    mine, theirs = sealed_log(30), sealed_log(40)
    kept = Checkpoint.objects.of(theirs.pk).get().note
    browser = logged_in(factories.make_actor(mine))
    assert "It is of another tenant&#x27;s log." in verified(browser, note=kept)
    own = Checkpoint.objects.of(mine.pk).get().note
    assert "The log is whole" in verified(browser, note=own.replace("\n", "\r\n"))
    assert "The log is not what was written." in verified(browser, note="nonsense")


def test_an_end_that_was_cut_off_is_told_of() -> None:
    report = Report(total_entries=90, last_entry=90, expected_size=100)
    said = [each.text for each in sentences.of_report(report)]
    assert "The end was cut off: somebody was told of 100 entries, and the last one that is there is 90." in said


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (Report(), ["good"]),
        (Report(5, last_entry=5, expected_size=5), ["good", "fair"]),
        (Report(5, last_entry=5, checkpoint=Statement(5, b"", None, "database")), ["good", "good"]),
        (Report(5, last_entry=5, faults=[Fault(1, "column", "x"), Fault(1, "content", "y")]), ["bad", "bad", "fair"]),
        (Report(5, last_entry=5, macs_unchecked=2), ["good", "fair", "fair"]),
        (Report(5, last_entry=3, missing=[4, 5], expected_size=5), ["bad", "bad", "bad", "fair"]),
    ],
    ids=["empty", "unsealed", "sealed", "tampered", "old keys", "missing"],
)
def test_good_news_and_bad_news_are_told_apart(report: Report, expected: list[str]) -> None:
    assert [each.tone for each in sentences.of_report(report)] == expected


@pytest.mark.parametrize(
    ("numbers", "said"),
    [([], ""), ([3], "3"), ([3, 4], "3 to 4"), ([1, 3, 4, 5, 1000], "1, 3 to 5, 1,000")],
)
def test_numbers_in_a_row_are_written_as_one_run(numbers: list[int], said: str) -> None:
    assert sentences.runs(numbers) == said


def test_many_runs_are_not_all_written_out() -> None:
    said = sentences.runs(range(0, 1000, 2))
    assert said.endswith(", 98 and others")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"fromVersionId": None}, ("from version id", "none", False)),
        ({"changed": ["a", "b"]}, ("changed", "a, b", False)),
        ({"is_service": True}, ("is service", "yes", False)),
        ({"reason": "one\ntwo"}, ("reason", "one\ntwo", True)),
        ({"changes": {"b": 1, "a": [1.5]}}, ("changes", '{\n  "a": [\n    1.5\n  ],\n  "b": 1\n}', True)),
        (["x"], ("content", "x", False)),
    ],
)
def test_what_an_entry_carries_is_said_in_words(data: Any, expected: tuple[str, str, bool]) -> None:
    assert sentences.facts_of(data) == [expected]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        *(({"name": "ci", "owner": "x"}, "ci"), ({"username": "bob"}, "bob"), ({"tag": "staging"}, "staging")),
        *(({}, ""), ({"name": {"a": 1}}, ""), (["name"], ""), (None, "")),
    ],
)
def test_an_entry_is_headed_by_the_name_of_what_it_speaks_of(data: Any, name: str) -> None:
    assert sentences.subject_of(data) == name


# ----------------------------------------------------------------------------- handing out
def test_the_newest_checkpoint_is_handed_out_as_it_was_signed(committed: None) -> None:
    tenant = sealed_log(30, points=2)
    browser = logged_in(factories.make_actor(tenant))
    answer = browser.post(CHECKPOINT)
    assert answer.content.decode() == Checkpoint.objects.of(tenant.pk)[0].note
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="checkpoint-{tenant.slug}-30.txt"'
    page = browser.get(LOG).content.decode()
    assert "It signs the first 30 entries" in page
    assert all(str(key) in page for key in map(str, sealing.verifier_keys()))


def test_where_there_is_no_checkpoint_yet_that_is_said(admin: Actor) -> None:
    browser = logged_in(admin)
    assert b"There is none yet" in browser.get(LOG).content
    answer = browser.post(CHECKPOINT, headers={"referer": f"http://testserver{LOG}"}, follow=True)
    assert answer.redirect_chain == [(LOG, 302)]
    assert b"There is no checkpoint yet." in answer.content
