"""The console's pages: each shows, none writes, and nobody sees another tenant's rows."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client as Browser
from django.test import RequestFactory
from django.urls import reverse

from prompts.actions import drafts, namespaces
from prompts.content import content_of
from prompts.models import Namespace, Prompt
from pvc.admin import BoundedPaginator, ReadOnlyAdmin
from tenants.models import Actor, Tenant, User
from tests import factories
from tests.console.routes import logged_in, things_of

PAGES = [page for page in admin.site._registry.values() if isinstance(page, ReadOnlyAdmin)]


def name_of(page: ReadOnlyAdmin) -> str:
    return f"{page.opts.app_label}_{page.opts.model_name}"


@pytest.fixture
def browser(admin: Actor, namespace: Namespace) -> Browser:
    """Signed in as acme's administrator, with something to see."""
    prompt = factories.make_prompt(namespace, slug="acmes-own", by=admin)
    factories.make_version(prompt, by=admin)
    User.objects.filter(pk=admin.author.pk).update(is_staff=True)
    signed_in = Browser()
    signed_in.force_login(User.objects.get(pk=admin.author.pk), backend="tenants.console.ConsoleBackend")
    return signed_in


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_lists_and_shows_its_rows(browser: Browser, page: ReadOnlyAdmin) -> None:
    assert browser.get(reverse(f"admin:{name_of(page)}_changelist")).status_code == 200
    for row in page.model._default_manager.all()[:1]:
        shown = browser.get(reverse(f"admin:{name_of(page)}_change", args=[row.pk]))
        assert shown.status_code in (200, 302)  # another tenant's row leads back to the start page


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_takes_no_changes(browser: Browser, page: ReadOnlyAdmin) -> None:
    assert browser.get(reverse(f"admin:{name_of(page)}_add")).status_code == 403
    row = page.model._default_manager.first()
    for action in ("change", "delete"):
        if row is not None:
            assert browser.post(reverse(f"admin:{name_of(page)}_{action}", args=[row.pk]), {}).status_code in (302, 403)
            assert page.model._default_manager.filter(pk=row.pk).exists()


def test_another_tenants_prompt_is_not_there(browser: Browser, eve: Actor) -> None:
    theirs = factories.make_prompt(Namespace.objects.get(tenant=eve.tenant), slug="eves-own", by=eve)
    page = browser.get(reverse("admin:prompts_prompt_changelist")).content.decode()
    assert "acmes-own" in page
    assert "eves-own" not in page
    answer = browser.get(reverse("admin:prompts_prompt_change", args=[theirs.pk]))
    assert b"eves-own" not in answer.content


def test_an_author_sees_prompts_but_no_keys(alice: Actor) -> None:
    User.objects.filter(pk=alice.author.pk).update(is_staff=True)
    browser = Browser()
    browser.force_login(User.objects.get(pk=alice.author.pk), backend="tenants.console.ConsoleBackend")
    assert browser.get(reverse("admin:prompts_prompt_changelist")).status_code == 200
    assert browser.get(reverse("admin:tenants_apikey_changelist")).status_code == 403


def address(model: str) -> str:
    return reverse(f"admin:{model}_changelist")


def test_platform_staff_see_the_rows_of_the_tenant_they_chose(browser: Browser, acme: Tenant, eve: Actor) -> None:
    factories.make_prompt(Namespace.objects.get(tenant=eve.tenant), slug="eves-own", by=eve)
    staff = User.objects.create(username="operator", is_staff=True, is_superuser=True)
    theirs = Browser()
    theirs.force_login(staff, backend="tenants.console.ConsoleBackend")
    assert theirs.get(address("prompts_prompt")).status_code == 403
    theirs.post(reverse("console:choose-tenant", args=[acme.pk]))
    page = theirs.get(address("prompts_prompt")).content.decode()
    assert "acmes-own" in page
    assert "eves-own" not in page


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_without_a_tenant_there_are_no_rows(admin: Actor, page: ReadOnlyAdmin) -> None:
    things_of(admin)
    request = RequestFactory().get("/admin/")
    request.user = User.objects.create(username="operator", is_staff=True, is_superuser=True)
    request.session = SessionStore()
    assert page.model._default_manager.exists()
    assert list(page.get_queryset(request)) == []


def test_somebody_elses_draft_is_not_there(browser: Browser, admin: Actor, alice: Actor) -> None:
    prompt = Prompt.objects.get(slug="acmes-own")
    content = content_of("text", "A secret of alice's", None, None)
    draft = drafts.create_draft(prompt, content, by=alice)
    assert draft not in browser.get(address("prompts_promptversion")).context["cl"].result_list
    answer = browser.get(reverse("admin:prompts_promptversion_change", args=[draft.pk]), follow=True)
    assert b"A secret of alice" not in answer.content
    assert draft in logged_in(alice).get(address("prompts_promptversion")).context["cl"].result_list


def test_a_long_list_is_counted_to_its_limit_and_no_further(
    browser: Browser, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedPaginator, "most", 1_000)
    monkeypatch.setattr(ReadOnlyAdmin, "list_per_page", 2)
    for number in range(4):
        namespaces.create_namespace(f"n-{number}", name="N", by=admin)
    assert browser.get(address("prompts_namespace")).context["cl"].result_count == 5
    monkeypatch.setattr(BoundedPaginator, "most", 3)
    answer = browser.get(address("prompts_namespace"))
    assert answer.context["cl"].result_count == 4
    assert " 3+" in " ".join(answer.content.decode().split())
    assert browser.get(address("prompts_namespace"), {"p": "2"}).status_code == 200


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_list_takes_few_queries_however_many_rows_and_whatever_is_asked(
    browser: Browser, admin: Actor, namespace: Namespace, page: ReadOnlyAdmin, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        prompt = factories.make_prompt(namespace, slug=f"p-{number}", by=admin)
        factories.make_version(prompt, by=admin)
        factories.make_user(admin.tenant)
    rows = list(browser.get(address(name_of(page))).context["cl"].result_list)
    with django_assert_max_num_queries(8):
        answer = browser.get(address(name_of(page)), {"o": "1.-2"})
    assert list(answer.context["cl"].result_list) == rows


def test_a_suspended_tenants_people_are_signed_out(browser: Browser, admin: Actor) -> None:
    admin.tenant.is_suspended = True
    admin.tenant.save()
    assert browser.get("/admin/").status_code == 302
