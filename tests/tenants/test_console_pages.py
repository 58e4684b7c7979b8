"""The console's pages: each shows, none writes, and nobody sees another tenant's rows."""

import pytest
from django.contrib import admin
from django.test import Client as Browser
from django.urls import reverse

from prompts.models import Namespace
from pvc.admin import ReadOnlyAdmin
from tenants.models import Actor, User
from tests import factories

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


def test_a_suspended_tenants_people_are_signed_out(browser: Browser, admin: Actor) -> None:
    admin.tenant.is_suspended = True
    admin.tenant.save()
    assert browser.get("/admin/").status_code == 302
