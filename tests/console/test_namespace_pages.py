"""Namespaces in the console: their policies seen, changed, and weakened by two; budget tiers; what the form says."""

import html
import re
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from audit.models import AuditEntry
from deployments.pages import policy_fields
from prompts.actions import namespaces, tiers
from prompts.models import BudgetTier, Namespace, PolicyChange
from tenants.console import FRESH_SECONDS
from tenants.models import Actor, Tenant, User
from tests import factories
from tests.console.routes import logged_in

LIST = reverse("console:namespaces")
NEW = reverse("console:new-namespace")
POLICY = {"required_approvals": "1", "custom_tags": "", "mode": "block_failures", "threshold": "0.8", "harnesses": ""}


@pytest.fixture
def guarded(admin: Actor) -> Namespace:
    """One approval is needed."""
    return namespaces.create_namespace("guarded", name="Guarded", required_approvals=1, by=admin)


@pytest.fixture
def grace(acme: Tenant) -> Actor:
    """Another administrator."""
    return factories.make_actor(acme, "grace", "Administrator")


def at(name: str, thing: Any) -> str:
    return reverse(f"console:{name}", args=[thing.pk])


def press(browser: Browser, address: str, page: str, **fields: Any) -> str:
    """Press a button that stands on a page; gives what the next page says."""
    answer = browser.post(address, fields, headers={"referer": f"http://testserver{page}"})
    assert answer.status_code == 302, answer.content
    return said(browser, answer["Location"])


def said(browser: Browser, page: str) -> str:
    """A page without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", browser.get(page).content.decode()).split())


def change(browser: Browser, namespace: Namespace, **fields: Any) -> str:
    words = {"name": namespace.name, "description": namespace.description}
    page = at("namespace", namespace)
    return press(browser, at("change-namespace", namespace), page, **{**words, **POLICY, **fields})


# ----------------------------------------------------------------------------- seeing
def test_whoever_reads_prompts_sees_the_policies_and_changes_none(alice: Actor, guarded: Namespace) -> None:
    browser = logged_in(alice)
    assert "guarded" in said(browser, LIST)
    page = browser.get(at("namespace", guarded)).content.decode()
    assert "Approvals before production" in page
    assert 'method="post" action="/admin/namespace/' not in page
    assert browser.get(NEW).status_code == 403
    for name in ("change-namespace", "create-tier"):
        assert browser.post(at(name, guarded), POLICY).status_code == 403
    assert guarded.policies.count() == 1


def test_a_refused_attempt_to_change_a_policy_is_in_the_log(alice: Actor, guarded: Namespace) -> None:
    logged_in(alice).post(at("change-namespace", guarded), {**POLICY, "name": "x"})
    entry = AuditEntry.objects.get(tenant_id=alice.tenant.pk, verb="policy.change_requested.denied")
    assert (entry.actor, entry.target) == ("alice", str(guarded.pk))


def test_another_tenants_namespace_is_not_there(eve: Actor, guarded: Namespace, admin: Actor) -> None:
    tier = tiers.create_tier(guarded, name="small", max_tokens=500, enforcement="warn", by=admin)
    browser = logged_in(eve)
    assert "guarded" not in said(browser, LIST)
    assert browser.get(at("namespace", guarded)).status_code == 404
    assert "There is no such namespace." in press(browser, at("change-namespace", guarded), LIST, **POLICY)
    assert "There is no such budget tier." in press(browser, at("delete-tier", tier), LIST)
    assert BudgetTier.objects.filter(pk=tier.pk).exists()


def test_pages_take_as_many_queries_for_much_as_for_little(
    admin: Actor, guarded: Namespace, django_assert_max_num_queries: Any
) -> None:
    browser = logged_in(admin)
    for number in range(12):
        namespaces.create_namespace(f"n-{number}", name="N", by=admin)
        tiers.create_tier(guarded, name=f"t-{number}", max_tokens=500, enforcement="warn", by=admin)
        namespaces.update_namespace(guarded, {"custom_tags": [f"t{number}"]}, by=admin)
    assert len(PolicyChange.objects.filter(namespace=guarded)) == 12
    with django_assert_max_num_queries(12):
        assert browser.get(LIST).status_code == 200
    with django_assert_max_num_queries(16):
        assert browser.get(at("namespace", guarded)).status_code == 200


def test_the_history_says_what_each_step_made_other(admin: Actor, guarded: Namespace) -> None:
    for approvals in range(2, 5):
        namespaces.update_namespace(guarded, {"required_approvals": approvals}, by=admin)
    page = said(logged_in(admin), at("namespace", guarded))
    assert "4 by admin, just now Approvals before production: 3 → 4" in page
    assert "2 by admin, just now Approvals before production: 1 → 2" in page
    assert "1 by admin, just now Its first policy: 1 approval." in page


def test_a_long_history_is_turned_over_without_a_gap(admin: Actor, namespace: Namespace) -> None:
    for number in range(24):
        namespaces.update_namespace(namespace, {"custom_tags": [f"tag{number}"]}, by=admin)
    browser, page = logged_in(admin), at("namespace", namespace)
    first = browser.get(page).context["part"]
    second = browser.get(page + first.older).context["part"]
    assert [row.number for row in [*first.rows, *second.rows]] == list(range(25, 0, -1))
    assert [len(row.steps) for row in [*first.rows, *second.rows]] == [1] * 24 + [0]


# ----------------------------------------------------------------------------- changing
def test_a_namespace_is_made(admin: Actor) -> None:
    fields = {"slug": "support", "name": "Support", "description": "", **POLICY, "required_approvals": "2"}
    fields |= {"custom_tags": "pilot, canary", "max_age_hours": "24", "auto_trigger": "yes", "default_harness": "gate"}
    page = press(logged_in(admin), reverse("console:create-namespace"), NEW, **fields)
    assert "The namespace support is there." in page
    made = Namespace.objects.get(tenant=admin.tenant, slug="support")
    terms = made.policy.terms
    assert (terms.required_approvals, terms.custom_tags, terms.default_harness) == (2, ["canary", "pilot"], "gate")
    assert terms.evaluation_policy == {
        "mode": "block_failures",
        "threshold": 0.8,
        "harnesses": [],
        "max_age_hours": 24,
        "auto_trigger": True,
    }


def fields_of(form: str) -> dict[str, str]:
    """What a browser sends of a form that nobody touched."""
    inputs = re.findall(r"<input([^>]*)>", form)
    found = dict(re.search(r' name="(\w+)".*? value="([^"]*)"', each + ' value=""').groups() for each in inputs)  # type: ignore[union-attr,misc]
    for name, options in re.findall(r'<select[^>]* name="(\w+)">(.*?)</select>', form, re.DOTALL):
        (value, text) = re.search(r'<option(?: value="(\w+)")? selected>([^<]*)', options).groups()  # type: ignore[union-attr]
        found[name] = value or text
    return found


def test_the_form_as_it_is_shown_changes_nothing(admin: Actor) -> None:
    terms = {
        "custom_tags": ["b", "a"],
        "default_harness": "gate & co",
        "evaluation_policy": {"mode": "require_pass", "threshold": 0.85, "harnesses": ["x y"], "max_age_hours": 36.5},
    }
    made = namespaces.create_namespace("odd", name="Odd <one>", required_approvals=3, terms=terms, by=admin)
    before, browser = made.policy.terms, logged_in(admin)
    page = browser.get(at("namespace", made)).content.decode()
    form = page[page.index('id="change"') :].partition("</form>")[0]
    fields = {name: html.unescape(text) for name, text in fields_of(form).items()}
    fields.pop("auto_trigger")  # a box that is not ticked is not sent
    assert "is as you asked" in press(browser, at("change-namespace", made), at("namespace", made), **fields)
    assert made.policies.count() == 1
    assert not PolicyChange.objects.filter(namespace=made).exists()
    assert made.policy.terms == before
    assert Namespace.objects.get(pk=made.pk).name == "Odd <one>"


def test_what_asks_for_more_holds_at_once(admin: Actor, guarded: Namespace) -> None:
    assert "is as you asked" in change(logged_in(admin), guarded, required_approvals="2", name="Watched")
    assert guarded.policy.required_approvals == 2
    assert Namespace.objects.get(pk=guarded.pk).name == "Watched"


def test_what_asks_for_less_waits_and_the_page_says_so(admin: Actor, guarded: Namespace) -> None:
    page = change(logged_in(admin), guarded, required_approvals="0", custom_tags="pilot")
    assert "nothing is changed yet: it waits until another person approves it." in page
    assert "Approvals before production: 1 → 0" in page
    assert "Tags of its own: none → pilot" in page
    assert guarded.policy.required_approvals == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"required_approvals": "9"}, "Use a whole number from 0 to 5."),
        ({"required_approvals": "x"}, "Use a whole number from 0 to 5."),
        ({"threshold": "2"}, "Use a number from 0 to 1."),
        ({"threshold": "nan"}, "Use a number from 0 to 1."),
        ({"max_age_hours": "0"}, "Use a number above 0"),
        ({"mode": "never"}, "Use one of off, block_failures, require_pass."),
        ({"custom_tags": "Production"}, "Use lower-case letters"),
        ({"custom_tags": "production"}, "is there in every namespace"),
        ({"name": ""}, "This field may not be blank."),
    ],
)
def test_what_is_no_policy_is_refused_in_words(
    admin: Actor, guarded: Namespace, fields: dict[str, str], words: str
) -> None:
    assert words in change(logged_in(admin), guarded, **fields)
    assert guarded.policies.count() == 1
    assert not PolicyChange.objects.filter(namespace=guarded).exists()


# ----------------------------------------------------------------------------- deciding
@pytest.fixture
def waiting(admin: Actor, guarded: Namespace) -> PolicyChange:
    """The administrator asks for no approvals."""
    found = namespaces.update_namespace(guarded, {"required_approvals": 0}, by=admin)
    assert found is not None
    return found


def test_a_second_person_approves(grace: Actor, guarded: Namespace, waiting: PolicyChange) -> None:
    browser = logged_in(grace)
    assert "Asked for by admin" in said(browser, at("namespace", guarded))
    page = press(browser, at("approve-change", waiting), at("namespace", guarded))
    assert "The change is approved, and made." in page
    assert "approved by grace" in page
    assert guarded.policy.required_approvals == 0


def test_a_second_person_rejects(grace: Actor, guarded: Namespace, waiting: PolicyChange) -> None:
    page = press(logged_in(grace), at("reject-change", waiting), at("namespace", guarded))
    assert "The policy stays as it is." in page
    assert guarded.policy.required_approvals == 1
    assert "rejected by grace" in page


@pytest.mark.parametrize("name", ["approve-change", "reject-change"])
def test_ones_own_change_is_refused_in_the_verbs_words(
    admin: Actor, guarded: Namespace, waiting: PolicyChange, name: str
) -> None:
    browser = logged_in(admin)
    assert "that was you, so another person decides" in said(browser, at("namespace", guarded))
    page = press(browser, at(name, waiting), at("namespace", guarded))
    assert "A change of policy is decided by another person than the one who asked for it." in page
    assert PolicyChange.objects.get(pk=waiting.pk).is_pending


@pytest.mark.parametrize(
    ("groups", "scope"), [(("Reviewer",), "admin"), (("Author",), "admin")], ids=["a reviewer", "an author"]
)
def test_deciding_takes_both_rights(
    acme: Tenant, guarded: Namespace, waiting: PolicyChange, groups: tuple[str, ...], scope: str
) -> None:
    dan = factories.make_actor(acme, "dan", *groups)
    assert logged_in(dan).post(at("approve-change", waiting)).status_code == 403
    entry = AuditEntry.objects.get(tenant_id=acme.pk, verb="policy.change_approved.denied")
    assert entry.data["message"] == f"This needs the scope {scope}."
    assert entry.target == str(waiting.pk)
    assert PolicyChange.objects.get(pk=waiting.pk).is_pending


def test_platform_staff_decide_nothing(acme: Tenant, guarded: Namespace, waiting: PolicyChange) -> None:
    staff = User.objects.create(username="operator", is_staff=True, is_superuser=True)
    browser = Browser()
    browser.force_login(staff, backend="tenants.console.ConsoleBackend")
    browser.post(reverse("console:choose-tenant", args=[acme.pk]))
    assert b"Approve the change" not in browser.get(at("namespace", guarded)).content
    assert browser.post(at("approve-change", waiting)).status_code == 403
    entry = AuditEntry.objects.get(tenant_id=acme.pk, verb="policy.change_approved.denied")
    assert entry.data["message"] == "This needs the scope prompts:approve."


def test_after_an_hour_a_decision_asks_for_the_password(
    grace: Actor, guarded: Namespace, waiting: PolicyChange, settings: Any
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    grace.author.set_password("blue-otters-eat-plums")
    grace.author.save()
    browser = logged_in(grace)
    session = browser.session
    session["password_at"] -= FRESH_SECONDS + 1
    session.save()
    page = at("namespace", guarded)
    assert "give your password" in press(browser, at("approve-change", waiting), page)
    assert "give your password" in change(browser, guarded, required_approvals="2")
    assert guarded.policies.count() == 1
    assert "approved" in press(browser, at("approve-change", waiting), page, password="blue-otters-eat-plums")
    assert guarded.policy.required_approvals == 0


# ----------------------------------------------------------------------------- tiers
SMALL = {"name": "small", "max_tokens": "500", "enforcement": "block"}


def test_a_tier_is_made_changed_and_deleted(admin: Actor, namespace: Namespace) -> None:
    browser, page = logged_in(admin), at("namespace", namespace)
    assert "The budget tier small is there." in press(browser, at("create-tier", namespace), page, **SMALL)
    tier = BudgetTier.objects.get(namespace=namespace)
    assert (tier.max_tokens, tier.enforcement) == (500, "block")
    assert "is as you asked" in press(browser, at("change-tier", tier), page, **{**SMALL, "max_tokens": "900"})
    tier.refresh_from_db()
    assert tier.max_tokens == 900
    assert "is deleted" in press(browser, at("delete-tier", tier), page)
    assert not BudgetTier.objects.filter(pk=tier.pk).exists()


def test_a_laxer_tier_waits_where_approvals_are_required(admin: Actor, guarded: Namespace) -> None:
    tier = tiers.create_tier(guarded, name="small", max_tokens=500, enforcement="block", by=admin)
    browser, page = logged_in(admin), at("namespace", guarded)
    laxer = {**SMALL, "max_tokens": "9000", "enforcement": "warn"}
    shown = press(browser, at("change-tier", tier), page, **laxer)
    assert "nothing is changed yet" in shown
    assert "Budget tier small: Most tokens: 500 → 9,000" in shown
    assert "Budget tier small: Who has more: is stopped → is warned" in shown
    shown = press(browser, at("delete-tier", tier), page)
    assert "nothing is changed yet" in shown
    assert "Budget tier small: deleted" in shown
    tier.refresh_from_db()
    assert tier.max_tokens == 500


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max_tokens": "0"}, "greater than or equal to 1"),
        ({"max_tokens": "many"}, "A valid integer is required."),
        ({"max_tokens": ""}, "A valid integer is required."),
        ({"enforcement": "shout"}, "is not a valid choice"),
        ({"name": "large"}, "This namespace has a budget tier of this name."),
    ],
)
def test_what_is_no_tier_is_refused_in_words(
    admin: Actor, namespace: Namespace, fields: dict[str, str], words: str
) -> None:
    tiers.create_tier(namespace, name="large", max_tokens=5000, enforcement="warn", by=admin)
    page = at("namespace", namespace)
    assert words in press(logged_in(admin), at("create-tier", namespace), page, **{**SMALL, **fields})
    assert namespace.tiers.count() == 1


# ----------------------------------------------------------------------------- words
@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("0.5", 0.5), ("1e1", 10.0), ("inf", "inf"), ("nan", "nan"), ("", ""), ("٣", "٣"), ("-1", -1.0)],
)
def test_a_fields_number_is_read_or_left_as_text(text: str, value: Any) -> None:
    assert policy_fields.number(text) == value


def test_a_change_of_what_is_gone_is_still_told() -> None:
    changes = {"tiers": {"01890a5d-ac96-774b-bcce-b302099a8057": {"max_tokens": 7}}, "new": ["a"]}
    assert policy_fields.steps(changes, {}, {}) == [
        ("new", None, "a"),
        ("A budget tier that is gone: Most tokens", None, "7"),
    ]
