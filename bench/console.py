"""How long the console's pages take where there is much: the median of each, and how many queries it asks.

./dev bench console [--prompts 100000] [--entries 1000000] [--rounds 20]
"""

import argparse
import statistics
import sys
import time
from typing import Any

import django
from django.core.management import call_command

django.setup()

from django.conf import settings
from django.contrib import admin
from django.db import connection, connections, reset_queries
from django.test import Client
from django.urls import reverse

from prompts.actions import drafts, tiers
from prompts.models import Namespace, Prompt
from pvc.admin import ReadOnlyAdmin
from tenants.models import Actor
from tests import factories
from tests.audit.filling import fill
from tests.console.routes import PAGES, logged_in

VERSIONS = 10
#: Every so many prompts have a version that waits for approval.
WAITING = 100
#: An id whose first 48 bits are the milliseconds since 1970, and so one after the other.
_ID = """
    (lpad(to_hex((extract(epoch from now()) * 1000)::bigint - 2000000000 + {n}), 12, '0') || '7'
     || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid
"""
_FILL = (
    """
    INSERT INTO prompts_prompt (id, tenant_id, namespace_id, slug, name, description, type, variables_expected,
        metadata, last_number, last_sequence, revision, created_at, updated_at)
    SELECT {id}, %(tenant)s, %(namespace)s, 'prompt-' || n, 'Prompt ' || n, 'Answers question ' || n, 'text', '{{}}',
        '{{}}', %(versions)s, 0, 1, now(), now()
    FROM generate_series(1, %(prompts)s) n
    """,
    """
    INSERT INTO prompts_promptversion (id, tenant_id, prompt_id, number, type, body, variables, config, checksum,
        digest, author_id, change_note, metadata, revision, sealed_at, created_at)
    SELECT {version_id}, p.tenant_id, p.id, v, 'text', text, '{{}}', '{{}}', encode(sha256(text::bytea), 'hex'),
        encode(sha256((p.id || text)::bytea), 'hex'), %(author)s, 'Change ' || v, '{{}}', 1, now(), now()
    FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM prompts_prompt WHERE namespace_id = %(namespace)s) p
        CROSS JOIN generate_series(1, %(versions)s) v
        CROSS JOIN LATERAL (SELECT 'You help customers of shop ' || p.slug || E'.\\nRule ' || v
            || E': answer in one sentence.\\nThe question is {{{{ question }}}}') t(text)
    """,
    """
    INSERT INTO prompts_contributor (id, tenant_id, version_id, user_id)
    SELECT gen_random_uuid(), tenant_id, id, author_id FROM prompts_promptversion WHERE tenant_id = %(tenant)s
    """,
    """
    INSERT INTO prompts_tagmove (id, tenant_id, prompt_id, tag, number, new_id, kind, reason, decision, moved_by_id, at)
    SELECT {move_id}, v.tenant_id, v.prompt_id,
        CASE v.number WHEN %(versions)s THEN 'staging' ELSE 'production' END, 1, v.id, 'set', '', '{{}}', %(author)s,
        now() - interval '1 hour'
    FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM prompts_promptversion WHERE tenant_id = %(tenant)s) v
    WHERE v.number = %(versions)s - 1 OR (v.number = %(versions)s AND v.n %% (%(versions)s * %(waiting)s) = 0)
    """,
    """
    INSERT INTO prompts_tag (id, tenant_id, prompt_id, name, version_id, digest, revision, created_at, updated_at)
    SELECT gen_random_uuid(), m.tenant_id, m.prompt_id, m.tag, m.new_id, v.digest, 1, now(), now()
    FROM prompts_tagmove m JOIN prompts_promptversion v ON v.id = m.new_id WHERE m.tenant_id = %(tenant)s
    """,
)
_TABLES = ("prompts_prompt", "prompts_promptversion", "prompts_contributor", "prompts_tagmove", "prompts_tag")


def fill_prompts(by: Actor, prompts: int) -> Namespace:
    """So many prompts of ten versions in the default namespace, which asks for an approval."""
    namespace = Namespace.objects.get(tenant=by.tenant, slug="default")
    factories.change_policy(namespace, required_approvals=1)
    values: dict[str, Any] = {
        "tenant": by.tenant.pk,
        "namespace": namespace.pk,
        "author": by.author.pk,
        "prompts": prompts,
        "versions": VERSIONS,
        "waiting": WAITING,
    }
    ids = {"id": _ID.format(n="n"), "version_id": _ID.format(n="p.n * 100 + v"), "move_id": _ID.format(n="v.n")}
    with connections["owner"].cursor() as cursor:
        for table in _TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in _FILL:
            cursor.execute(statement.format(**ids), values)
            told(".")
        for table in _TABLES:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("VACUUM ANALYZE")
    return namespace


def addresses(by: Actor, namespace: Namespace) -> dict[str, str]:
    """Each page by its name, and a few of them otherwise."""
    waiting = Prompt.objects.filter(tags__name="staging", namespace=namespace)[:1].get()
    version = waiting.versions.get(tags__name="staging")
    drafts.create_draft(waiting, version.served, base=version, by=by)
    tier = tiers.create_tier(namespace, name="small", max_tokens=500, enforcement="warn", by=by)
    key = factories.make_key(by.author)
    things: dict[str, Any] = {
        "prompt_id": waiting.pk,
        "version_id": version.pk,
        "number": VERSIONS - 2,
        "namespace_id": namespace.pk,
        "tier_id": tier.pk,
        "key_id": key.row.pk,
    }
    shown = {route.name: route.address(things) for route in PAGES if not route.is_for_staff}
    library = reverse("console:library")
    middle = Prompt.objects.filter(namespace=namespace).order_by("id")[50_000:50_001].first()
    shown["library, searched"] = f"{library}?search=prompt-4321"
    shown["library, in the middle"] = f"{library}?before={middle.pk if middle else waiting.pk}"
    for model, page in admin.site._registry.items():
        if isinstance(page, ReadOnlyAdmin):
            shown[f"list of {model._meta.verbose_name_plural}"] = reverse(
                f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
            )
    return shown


def measured(browser: Client, address: str, rounds: int) -> tuple[float, float, int]:
    """Median and worst of some rounds, in milliseconds, and the queries of one."""
    times = []
    for _ in range(rounds):
        reset_queries()
        began = time.perf_counter()
        answer = browser.get(address)
        times.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            told(f"{address} answered {answer.status_code}\n")
    return statistics.median(times), max(times), len(connection.queries)


def told(words: str) -> None:
    print(words, end="", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench console", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--prompts", type=int, default=100_000, help=f"each with {VERSIONS} versions")
    parser.add_argument("--entries", type=int, default=1_000_000, help="of the audit log")
    parser.add_argument("--rounds", type=int, default=20)
    wanted = parser.parse_args()
    call_command("migrate", verbosity=0)
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    by = factories.make_actor(factories.make_tenant(), "", "Administrator")
    namespace = fill_prompts(by, wanted.prompts)
    fill(by.tenant, wanted.entries)
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    told("\n")
    settings.DEBUG = True  # so that queries are counted
    browser = logged_in(by)
    for name, address in addresses(by, namespace).items():
        median, worst, queries = measured(browser, address, wanted.rounds)
        print(f"{name:<32} {median:7.1f} ms  worst {worst:7.1f} ms  {queries:3d} queries", flush=True)


if __name__ == "__main__":
    main()
