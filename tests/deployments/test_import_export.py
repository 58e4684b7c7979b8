"""manage.py export_prompts and import_prompts: out of one tenant, into another, and the same again."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from audit.models import AuditEntry
from deployments.actions import promotion
from deployments.management.commands import export_prompts
from evaluations.actions import test_cases
from evaluations.models import TestCase
from prompts.actions import drafts, namespaces, prompts
from prompts.content import CHAT, TEXT, content_of
from prompts.files.filed import FiledVersion
from prompts.files.layout import LARGEST_PROMPT, Place
from prompts.files.writing import begun, version_bytes, write_prompt
from prompts.models import BudgetTier, Namespace, Prompt, PromptVersion
from tenants import actions
from tenants.models import Actor, Tenant
from tests import factories
from tests.live import ROOT, database_url

FOREIGN = ROOT / "tests" / "prompts" / "foreign_exports"
Told = dict[str, Any]


# ----------------------------------------------------------------------------- tools
def run(name: str, path: Path, by: Actor, *arguments: str) -> Told:
    """What a command says in JSON."""
    told, sentence = tried(name, path, by, *arguments)
    assert sentence == ""
    return told


def tried(name: str, path: Path, by: Actor, *arguments: str) -> tuple[Told, str]:
    """The same, and the sentence with which it ends where it ends with an error."""
    out = StringIO()
    sentence = ""
    try:
        call_command(name, str(path), "--tenant", by.tenant.slug, "--as", by.name, "--json", *arguments, stdout=out)
    except CommandError as error:
        sentence = str(error)
    return json.loads(out.getvalue() or "{}"), sentence


def exported(path: Path, by: Actor, *arguments: str) -> Told:
    return run("export_prompts", path, by, *arguments)


def imported(path: Path, by: Actor, *arguments: str) -> Told:
    return run("import_prompts", path, by, *arguments)


def refusals(path: Path, by: Actor, *arguments: str) -> list[str]:
    """Why prompts were refused; the command ended with exit code 1."""
    told, sentence = tried("import_prompts", path, by, *arguments)
    assert sentence.endswith("of the prompts were refused; nothing of them is written.")
    return [each["refusal"] for each in told["prompts"] if each["refusal"]]


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def entries(tenant: Tenant) -> int:
    return AuditEntry.objects.filter(tenant_id=tenant.pk).count()


def state(tenant: Tenant) -> dict[str, Any]:
    """Everything that a round trip keeps, by the prompt's name."""
    return {
        f"{prompt.namespace.slug}:{prompt.slug}": {
            "type": prompt.type,
            "says": (prompt.name, prompt.description, prompt.metadata, prompt.variables_expected, prompt.is_archived),
            "tier": prompt.tier.name if prompt.tier else None,
            "head": prompt.head.number if prompt.head else None,
            "tags": {tag.name: tag.version.number for tag in prompt.tags.select_related("version")},
            "versions": {
                version.number: (version.digest, version.change_note, version.base.number if version.base else None)
                for version in prompt.versions.sealed().select_related("base")
            },
        }
        for prompt in Prompt.objects.filter(tenant=tenant).select_related("namespace", "head", "tier")
    }


def tree(root: Path, **bodies: list[str]) -> Path:
    """An export with a prompt of text for each name, with these versions."""
    for slug, texts in bodies.items():
        versions = [FiledVersion("", number, content_of(TEXT, text)) for number, text in enumerate(texts, 1)]
        write_prompt(Place(begun(root), "default", slug), {"type": TEXT, "head": len(texts), "tags": {}}, versions)
    return root


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# ----------------------------------------------------------------------------- there and back
HARD_TEXTS = [
    "One line",
    "---\nno front matter\n---\n",
    "Ends of lines\r\nof others\r\n\r\n",
    "  {{ issue }}\n\n\tno: 2026-01-01\n{# a remark #}",
    "\u201cQuoted\u201d \U0001f600 \u2028 \x85 \x0b",
]
HARD_CONFIG = {"no": "no", "since": "2026-01-01", "code": "012", "great": 1e300, "one": 1.0, "small": 5e-324, "n": None}


@pytest.fixture
def filled(acme: Tenant, admin: Actor, alice: Actor, namespace: Namespace) -> Tenant:
    """A tenant with all that a prompt can have."""
    hard = factories.make_prompt(
        namespace, by=alice, slug="hard", body=HARD_TEXTS[0], description="no", metadata={"a": [1, 2.5]}
    )
    made = [factories.make_version(hard, text, config=HARD_CONFIG, by=alice) for text in HARD_TEXTS[1:]]
    promotion.set_tag(hard, "production", version=made[1], by=admin)
    promotion.set_tag(hard, "staging", version=made[1], by=admin)
    factories.make_version(hard, "From what was live", by=alice)
    messages = [{"role": "system", "content": "Be kind.\n\nBe brief.\n"}, {"placeholder": "history"}]
    talk = factories.make_prompt(namespace, by=alice, slug="talk", body=messages, variables={"history": []})
    for number in range(2, 6):
        factories.make_version(talk, [*messages, {"role": "user", "content": f"{number}"}], by=alice)
    agents = namespaces.create_namespace(
        "agents", name="Agents", required_approvals=0, terms={"custom_tags": ["canary"]}, by=admin
    )
    tier = BudgetTier.objects.create(tenant=acme, namespace=agents, name="small", max_tokens=50, enforcement="warn")
    old = prompts.create_template(
        agents, "old_one", name="The old one", variables_expected=["issue"], tier=tier, by=alice
    )
    prompts.update_prompt(old, changes={"template": "Help with: {{ issue }}"}, by=alice)
    draft = drafts.create_draft(old, content_of(TEXT, "Help at once with: {{ issue }}"), change_note="faster", by=alice)
    promotion.promote_pre_prod(draft, by=alice)
    promotion.set_tag(old, "canary", version=draft, by=alice)
    drafts.create_draft(old, content_of(TEXT, "Not yet"), by=alice)
    prompts.archive_prompt(old, by=alice)
    prompts.create_template(agents, "without-a-text", name="Nothing yet", by=alice)
    return acme


@pytest.fixture
def eve_ready(eve: Actor) -> Actor:
    """The administrator of another tenant, which has the namespace that the files speak of."""
    agents = namespaces.create_namespace(
        "agents", name="Agents", required_approvals=0, terms={"custom_tags": ["canary"]}, by=eve
    )
    BudgetTier.objects.create(tenant=eve.tenant, namespace=agents, name="small", max_tokens=50, enforcement="warn")
    return eve


def test_a_round_trip_keeps_everything_and_the_files_to_the_byte(
    filled: Tenant, alice: Actor, eve_ready: Actor, tmp_path: Path
) -> None:
    told = exported(tmp_path / "one", alice)
    assert (told["prompts"], told["versions"], told["strange"], told["refused"]) == (4, 13, [], [])
    assert imported(tmp_path / "one", eve_ready)["create"] == 4
    assert state(eve_ready.tenant) == state(filled)
    assert state(filled)["default:hard"]["versions"][6][2] == 3
    exported(tmp_path / "two", eve_ready)
    assert files_in(tmp_path / "two") == files_in(tmp_path / "one")


def test_importing_the_same_again_writes_nothing(
    filled: Tenant, alice: Actor, eve_ready: Actor, tmp_path: Path
) -> None:
    exported(tmp_path, alice)
    imported(tmp_path, eve_ready)
    before = (entries(eve_ready.tenant), state(eve_ready.tenant))
    told = imported(tmp_path, eve_ready)
    assert (told["create"], told["change"], told["unchanged"], told["refused"]) == (0, 0, 4, 0)
    assert imported(tmp_path, alice)["unchanged"] == 4
    assert (entries(eve_ready.tenant), state(eve_ready.tenant)) == before


def test_exporting_again_writes_what_has_changed_and_nothing_else(
    filled: Tenant, alice: Actor, namespace: Namespace, tmp_path: Path
) -> None:
    exported(tmp_path, alice)
    before = files_in(tmp_path)
    assert exported(tmp_path, alice)["files_written"] == 0
    hard = Prompt.objects.get(namespace=namespace, slug="hard")
    factories.make_version(hard, "Another", by=alice)
    told = exported(tmp_path, alice)
    assert told["files_written"] == 1
    after = files_in(tmp_path)
    assert after.keys() - before.keys() == {"default/hard/v0007.md"}
    assert {name: after[name] for name in before} == before


def test_who_wrote_a_version_is_information_and_who_imported_it_is_its_author(
    filled: Tenant, alice: Actor, eve_ready: Actor, tmp_path: Path
) -> None:
    exported(tmp_path, alice)
    imported(tmp_path, eve_ready)
    version = PromptVersion.objects.get(tenant=eve_ready.tenant, prompt__slug="hard", number=1)
    assert version.author == eve_ready.user
    assert [each.user for each in version.contributors.all()] == [eve_ready.user]
    assert version.metadata["imported"]["author"] == "alice"


def test_pages_of_prompts_hang_together(
    filled: Tenant, alice: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(tmp_path / "one", alice)
    monkeypatch.setattr(export_prompts, "PROMPTS", 1)
    monkeypatch.setattr(export_prompts, "VERSIONS", 2)
    exported(tmp_path / "two", alice)
    assert files_in(tmp_path / "one") == files_in(tmp_path / "two")


def test_an_export_of_some_leaves_the_others_out(filled: Tenant, alice: Actor, tmp_path: Path) -> None:
    assert exported(tmp_path / "one", alice, "--namespace", "agents")["prompts"] == 2
    assert sorted(each.name for each in (tmp_path / "one" / "agents").iterdir()) == ["old_one", "without-a-text"]
    told = exported(tmp_path / "two", alice, "--prompt", "agents:old_one", "--prompt", "talk")
    assert (told["prompts"], told["versions"]) == (2, 7)
    assert exported(tmp_path / "two", alice, "--prompt", "hard")["strange"] == []
    for option, name, sentence in [
        ("--namespace", "nothing", "There is no namespace nothing."),
        ("--prompt", "agents:nothing", "There is no prompt agents:nothing."),
    ]:
        assert tried("export_prompts", tmp_path / "three", alice, option, name) == ({}, sentence)
    assert not (tmp_path / "three").exists()


def test_an_export_names_what_is_not_of_it_and_what_it_could_not_write(
    filled: Tenant, alice: Actor, tmp_path: Path
) -> None:
    exported(tmp_path, alice)
    (tmp_path / "default" / "gone").mkdir()
    (tmp_path / "default" / "hard" / "notes.txt").write_text("mine")
    edited(tmp_path / "default" / "talk" / "v0001.yaml", "Be kind.", "Be rude.")
    told, sentence = tried("export_prompts", tmp_path, alice)
    assert sentence == "1 of the prompts could not be written."
    assert told["strange"] == [str(tmp_path / "default/hard/notes.txt"), str(tmp_path / "default/gone")]
    (refused,) = told["refused"]
    assert refused["prompt"] == "default:talk"
    assert "v0001.yaml: It was edited since it was written, and stays as it is" in refused["refusal"]
    assert "Be rude." in (tmp_path / "default/talk/v0001.yaml").read_text()


# ----------------------------------------------------------------------------- plans
def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    filled: Tenant, alice: Actor, eve_ready: Actor, tmp_path: Path
) -> None:
    exported(tmp_path, alice)
    before = entries(eve_ready.tenant)
    said = imported(tmp_path, eve_ready, "--dry-run")
    assert (entries(eve_ready.tenant), state(eve_ready.tenant)) == (before, {})
    done = imported(tmp_path, eve_ready)
    assert said == {**done, "dry_run": True}
    (hard,) = [each for each in said["prompts"] if each["prompt"] == "default:hard"]
    assert hard["versions"] == [{"file": number, "number": number} for number in range(1, 7)]
    assert hard["tags"] == [
        {"tag": "production", "from": None, "to": 3},
        {"tag": "staging", "from": None, "to": 3},
    ]


def test_a_plan_reads_well(acme: Tenant, admin: Actor, namespace: Namespace, tmp_path: Path) -> None:
    prompt = factories.make_prompt(namespace, by=admin, slug="support", body="Text 1")
    promotion.set_tag(prompt, "production", version=prompt.versions.get(), by=admin)
    tree(tmp_path, support=["Text 1", "Text 2", "Text 3"], other=["{{ issue.__class__ }}"], fine=["Text"])
    edited(tmp_path / "default/support/prompt.yaml", "tags: {}", "tags: {production: 3}\ndescription: Helps")
    out = StringIO()
    with pytest.raises(CommandError, match="1 of the prompts were refused"):
        call_command("import_prompts", str(tmp_path), "--tenant", "acme", "--as", "admin", "--dry-run", stdout=out)
    assert out.getvalue().splitlines()[0] == "create     default:fine: version 1"
    assert (
        out.getvalue()
        .splitlines()[1]
        .startswith(f"refused    default:other: {tmp_path}/default/other/v0001.md: Line 1: ")
    )
    assert out.getvalue().splitlines()[2:] == [
        "change     default:support: versions 2 to 3, production 1 → 3, its description, head",
        "Nothing is written yet: 1 made, 1 changed, 0 unchanged, 1 refused.",
    ]


def test_gaps_of_discarded_drafts_close_and_tags_go_with_their_versions(
    acme: Tenant, alice: Actor, namespace: Namespace, eve: Actor, tmp_path: Path
) -> None:
    prompt = factories.make_prompt(namespace, by=alice, slug="support", body="Text 1")
    drafts.discard_draft(drafts.create_draft(prompt, content_of(TEXT, "No"), by=alice), by=alice)
    version = factories.make_version(prompt, "Text 3", by=alice)
    promotion.set_tag(prompt, "draft", version=version, by=alice)
    exported(tmp_path, alice)
    assert sorted(path.name for path in (tmp_path / "default/support").iterdir()) == [
        "prompt.yaml",
        "v0001.md",
        "v0003.md",
    ]
    told = imported(tmp_path, eve)
    assert told["prompts"][0]["versions"] == [{"file": 1, "number": 1}, {"file": 3, "number": 2}]
    assert told["prompts"][0]["notes"] == ["Version 3 of the files is version 2 here."]
    assert state(eve.tenant)["default:support"]["tags"] == {"draft": 2}
    assert imported(tmp_path, eve)["unchanged"] == 1
    assert imported(tmp_path, alice)["unchanged"] == 1


def test_versions_are_appended_to_what_is_there(
    acme: Tenant, alice: Actor, namespace: Namespace, tmp_path: Path
) -> None:
    prompt = factories.make_prompt(namespace, by=alice, slug="support", body="Mine")
    exported(tmp_path, alice)
    folder = tmp_path / "default/support"
    (folder / "v0002.md").write_text('---\nchange_note: "by hand"\n---\nA new text\n')
    factories.make_version(prompt, "Written meanwhile", by=alice)
    told = imported(tmp_path, alice)["prompts"][0]
    assert (told["action"], told["versions"], told["known"]) == ("change", [{"file": 2, "number": 3}], 1)
    version = prompt.versions.get(number=3)
    assert (version.body, version.change_note, version.author) == ("A new text\n", "by hand", alice.user)


def test_somebodys_draft_of_a_content_is_not_its_version(
    acme: Tenant, alice: Actor, bob: Actor, namespace: Namespace, tmp_path: Path
) -> None:
    prompt = factories.make_prompt(namespace, by=alice, slug="support", body="Text 1")
    drafts.create_draft(prompt, content_of(TEXT, "Text 2"), by=bob)
    tree(tmp_path, support=["Text 1", "Text 2"])
    for arguments in (["--dry-run"], []):
        assert imported(tmp_path, alice, *arguments)["prompts"][0]["versions"] == [{"file": 2, "number": 3}]
    assert prompt.versions.sealed().count() == 2


# ----------------------------------------------------------------------------- policy and rights
@pytest.fixture
def guarded(acme: Tenant, admin: Actor) -> Namespace:
    return namespaces.create_namespace("guarded", name="Guarded", by=admin)


def test_where_approvals_are_required_production_waits_in_staging(
    guarded: Namespace, alice: Actor, bob: Actor, tmp_path: Path
) -> None:
    tree(tmp_path, support=["Text 1", "Text 2"])
    edited(tmp_path / "default/support/prompt.yaml", "tags: {}", "tags: {production: 2, staging: 1}")
    told = imported(tmp_path, alice, "--into", "guarded")["prompts"][0]
    assert told["tags"] == [{"tag": "staging", "from": None, "to": 2}]
    (note,) = told["notes"]
    assert note == (
        "production takes approvals in guarded: version 2 waits for them in staging."
        " Version 1, which the files have there, is not put there."
    )
    assert imported(tmp_path, alice, "--into", "guarded")["unchanged"] == 1
    version = PromptVersion.objects.get(prompt__slug="support", number=2)
    with pytest.raises(promotion.OwnVersion):
        promotion.approve(version, by=alice)
    assert promotion.approve(version, by=bob).activated
    assert imported(tmp_path, alice, "--into", "guarded")["prompts"][0]["tags"] == [
        {"tag": "staging", "from": None, "to": 1}
    ]


def test_what_somebody_else_has_in_pre_production_stays_there(
    guarded: Namespace, alice: Actor, bob: Actor, tmp_path: Path
) -> None:
    prompt = factories.make_prompt(guarded, by=bob, slug="support", body="Bob's")
    promotion.promote_pre_prod(prompt.versions.get(), by=bob)
    before = entries(guarded.tenant)
    tree(tmp_path, support=["Text 1"])
    edited(tmp_path / "default/support/prompt.yaml", "tags: {}", "tags: {production: 1}")
    for arguments in (["--dry-run"], []):
        (refusal,) = refusals(tmp_path, alice, "--into", "guarded", *arguments)
        assert refusal == "Version 1, by somebody else, is in pre-production: wait, or have it replaced."
    assert prompt.versions.count() == 1
    assert entries(guarded.tenant) == before


def test_a_rejected_content_is_not_brought_back(guarded: Namespace, alice: Actor, bob: Actor, tmp_path: Path) -> None:
    prompt = factories.make_prompt(guarded, by=alice, slug="support", body="Text 1")
    promotion.promote_pre_prod(prompt.versions.get(), by=alice)
    promotion.reject(prompt.versions.get(), reason="no", by=bob)
    tree(tmp_path, support=["Text 1"])
    edited(tmp_path / "default/support/prompt.yaml", "tags: {}", "tags: {staging: 1}")
    assert refusals(tmp_path, alice, "--into", "guarded") == [
        "Version 1 was rejected, which is final; staging cannot be moved there."
    ]


def test_moving_production_takes_the_right_to(acme: Tenant, alice: Actor, bob: Actor, tmp_path: Path) -> None:
    tree(tmp_path, support=["Text 1"], other=["Text"])
    edited(tmp_path / "default/support/prompt.yaml", "tags: {}", "tags: {production: 1}")
    assert refusals(tmp_path, alice) == ["Moving production takes prompts:promote."]
    assert list(state(acme)) == ["default:other"]
    assert imported(tmp_path, bob)["create"] == 1
    assert state(acme)["default:support"]["tags"] == {"production": 1}


def test_archiving_what_is_live_takes_the_right_to(acme: Tenant, alice: Actor, bob: Actor, tmp_path: Path) -> None:
    tree(tmp_path, support=["Text 1"])
    edited(tmp_path / "default/support/prompt.yaml", "tags: {}", "tags: {production: 1}")
    imported(tmp_path, bob)
    edited(tmp_path / "default/support/prompt.yaml", "type:", "archived: true\ntype:")
    assert refusals(tmp_path, alice) == ["Archiving what is in production takes prompts:promote."]
    assert imported(tmp_path, bob)["prompts"][0]["changes"] == ["archived"]
    (tmp_path / "default/support/v0002.md").write_text("---\n---\nMore")
    assert refusals(tmp_path, bob) == ["default:support is archived here and takes nothing new; unarchive it first."]


@pytest.mark.parametrize(
    ("command", "group", "arguments", "sentence"),
    [
        ("import_prompts", "Operator", [], "dave does not hold prompts:write."),
        ("import_prompts", "Author", ["--create-namespaces"], "dave does not hold admin."),
        ("import_prompts", "", [], "dave does not hold prompts:write."),
        ("export_prompts", "", [], "dave does not hold prompts:read."),
    ],
)
def test_whoever_lacks_the_right_is_refused_at_the_door(
    acme: Tenant, tmp_path: Path, command: str, group: str, arguments: list[str], sentence: str
) -> None:
    dave = actions.create_user("dave", groups=[group] if group else [], by=Actor.command(acme))
    path = tree(tmp_path / "export", support=["Text 1"])
    before = files_in(path)
    assert tried(command, path, Actor.command(acme, dave), *arguments) == ({}, sentence)
    assert (state(acme), files_in(path)) == ({}, before)


def test_nothing_crosses_from_one_tenant_to_another(filled: Tenant, alice: Actor, eve: Actor, tmp_path: Path) -> None:
    before = state(filled)
    tree(tmp_path / "hers", hard=["Hers"])
    imported(tmp_path / "hers", eve)
    assert exported(tmp_path / "out", eve)["prompts"] == 1
    assert state(filled) == before
    foreign = Actor.command(eve.tenant, alice.user)
    assert tried("export_prompts", tmp_path / "none", foreign)[1] == "alice is no active member of the tenant other."
    assert tried("import_prompts", tmp_path / "hers", foreign)[1] == "alice is no active member of the tenant other."


def test_namespaces_are_made_on_request_and_take_an_approval(acme: Tenant, admin: Actor, tmp_path: Path) -> None:
    tree(tmp_path, support=["Text 1"], other=["Text"])
    for slug in ("support", "other"):
        edited(tmp_path / f"default/{slug}/prompt.yaml", "tags: {}", "tags: {production: 1}")
    sentence = "There is no namespace fresh. Make it with create_namespace or --create-namespaces."
    assert refusals(tmp_path, admin, "--into", "fresh") == [sentence] * 2
    planned = imported(tmp_path, admin, "--into", "fresh", "--create-namespaces", "--dry-run")
    assert (planned["namespaces_made"], Namespace.objects.filter(slug="fresh").exists()) == (["fresh"], False)
    done = imported(tmp_path, admin, "--into", "fresh", "--create-namespaces")
    assert done == {**planned, "dry_run": False}
    assert Namespace.objects.get(slug="fresh").policy.required_approvals == 1
    assert state(acme)["fresh:support"]["tags"] == {"staging": 1}
    assert tried("import_prompts", tmp_path, admin, "--into", "Fresh")[1].startswith("--into: “Fresh”: Use lower-case")


def test_two_prompts_of_one_name_in_one_namespace_are_refused_by_name(
    acme: Tenant, alice: Actor, tmp_path: Path
) -> None:
    tree(tmp_path, support=["Text 1"])
    (tmp_path / "default").rename(tmp_path / "agents")
    tree(tmp_path, support=["Text 2"])
    (refusal,) = refusals(tmp_path, alice, "--into", "default")
    assert refusal.endswith("“support” would become default:support, as “support” of "
                            f"{tmp_path}/agents/support/prompt.yaml does already. Rename one of them.")  # fmt: skip
    assert state(acme)["default:support"]["versions"].keys() == {1}


def test_a_budget_tier_that_is_not_there_is_left_out(filled: Tenant, alice: Actor, eve: Actor, tmp_path: Path) -> None:
    exported(tmp_path, alice, "--prompt", "agents:old_one")
    edited(tmp_path / "agents/old_one/prompt.yaml", "canary", "draft")
    told = imported(tmp_path, eve, "--into", "default")["prompts"][0]
    assert told["notes"] == ["There is no budget tier “small” in default; it is left out."]


# ----------------------------------------------------------------------------- whole or not at all
def test_a_prompt_that_is_refused_half_way_leaves_nothing_and_stops_no_other(
    acme: Tenant, alice: Actor, tmp_path: Path
) -> None:
    tree(tmp_path, a=["Text 1", "Text 2", "{% include 'x' %}"], b=["Text"])
    before = entries(acme)
    (refusal,) = refusals(tmp_path, alice)
    assert refusal.startswith(f"{tmp_path}/default/a/v0003.md: Line 1: ")
    assert list(state(acme)) == ["default:b"]
    verbs = AuditEntry.objects.filter(tenant_id=acme.pk, seq__gt=before).order_by("seq").values_list("verb", flat=True)
    assert list(verbs) == ["prompt.created", "version.created", "prompt.updated"]


Break = Callable[[Path, Path], Any]


def _write(name: str, text: str | bytes) -> Break:
    """The tree with another file in the prompt's folder; `..` leads above it."""
    data = text.encode() if isinstance(text, str) else text
    return lambda _, folder: (folder / name).write_bytes(data)


def _edit(name: str, old: str, new: str) -> Break:
    return lambda _, folder: edited(folder / name, old, new)


def _link(name: str, target: str) -> Break:
    def link(root: Path, folder: Path) -> None:
        outside = root.parent / "outside"
        outside.mkdir(exist_ok=True)
        (outside / "v0003.md").write_text("---\n---\nsecret")
        (outside / "prompt.yaml").write_text("type: text")
        (folder / name).symlink_to(root.parent / target)

    return link


def _folder(name: str) -> Break:
    def make(_: Path, folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return make


def _huge(name: str, size: int) -> Break:
    def grow(_: Path, folder: Path) -> None:
        with (folder / name).open("r+b") as file:
            file.truncate(size)

    return grow


BOMB = "metadata:\n  a: &a [x, x]\n" + "".join(
    f"  {chr(98 + step)}: &{chr(98 + step)} [*{chr(97 + step)}, *{chr(97 + step)}]\n" for step in range(20)
)
P, V1, V2 = "prompt.yaml", "v0001.md", "v0002.md"

#: What is done to a prompt's files, and what is said of it: the file, with the line where there is one, and why.
BROKEN: dict[str, tuple[Break, str]] = {
    "no YAML": (_write(P, "type: [text\nname: x"), "prompt.yaml:2: This is not YAML"),
    "a tab": (_write(P, "type: text\n\tname: x"), "prompt.yaml:2: This is not YAML"),
    "a bomb of aliases": (_write(P, BOMB), "prompt.yaml:2: Anchors and aliases"),
    "an anchor in a version": (_write(V2, "---\nconfig: &a {}\nmetadata: *a\n---\nx"), "v0002.md:2: Anchors"),
    "a tag of Python's": (_write(P, "name: !!python/name:os.system"), "prompt.yaml:1: Tags are not taken"),
    "deep": (_write(P, f"metadata: {'[' * 40}{']' * 40}"), "prompt.yaml:1: This is nested deeper"),
    "a list": (_write(P, "- type: text"), "prompt.yaml: An object is expected"),
    "two documents": (_write(P, "type: text\n---\ntype: chat"), "prompt.yaml:2: One document is expected"),
    "a name twice": (_write(P, "type: text\ntype: text"), "prompt.yaml:2: “type” stands here twice."),
    "an unknown name": (_write(P, "type: text\ndescripton: x"), "prompt.yaml:2: “descripton” is unknown; there are"),
    "an unknown name in a version": (_edit(V2, "number: 2", "nubmer: 2"), "v0002.md:2: “nubmer” is unknown"),
    "another type": (_write(P, "type: image"), "prompt.yaml:1: type is text or chat."),
    "a type that is not its files'": (_edit(P, '"text"', '"chat"'), "v0001.md: The prompt is of type chat"),
    "a name that is a number": (_write(P, "name: 5"), "prompt.yaml:1: name is a text; put it in quotes."),
    "a long description": (_write(P, f"description: {'x' * 501}"), "prompt.yaml:1: description has 501 characters"),
    "metadata that is a list": (_write(P, "metadata: [1]"), "prompt.yaml:1: metadata is an object"),
    "names that are none": (_write(P, "variables_expected: [a-b]"), "prompt.yaml:1: variables_expected is a list"),
    "archived perhaps": (_write(P, "archived: maybe"), "prompt.yaml:1: archived is true or false."),
    "tags that are a list": (_write(P, "tags: [production]"), "prompt.yaml:1: tags is an object"),
    "a tag at no version": (_write(P, "type: text\ntags: {staging: 7}"), "prompt.yaml:2: staging points at version 7"),
    "a tag at a word": (_write(P, "tags: {staging: latest}"), "prompt.yaml:1: staging points at version latest"),
    "a tag at true": (_write(P, "tags: {staging: true}"), "prompt.yaml:1: staging points at version True"),
    "a tag's name": (_write(P, "tags: {Live: 1}"), "prompt.yaml:1: “Live” is no tag's name."),
    "a tag of no namespace": (_write(P, "tags: {canary: 1}"), "default has no tag “canary”"),
    "a head that is not there": (_write(P, "head: 9"), "prompt.yaml:1: head is version 9"),
    "no prompt.yaml": (lambda _, folder: (folder / P).unlink(), "prompt.yaml: It cannot be read: No such file"),
    "a great number": (_write(P, "metadata: {n: 9007199254740993}"), "prompt.yaml:1: A whole number has 2^53 or more"),
    "beyond any number": (_edit(V2, "number: 2", "config: {n: 1e400}"), "v0002.md:2: A number is too large."),
    "another number": (_edit(V2, "number: 2", "number: 3"), "v0002.md:2: The file is named as version 2"),
    "a number twice": (
        _write("v00001.md", "---\n---\nx"),
        "v0001.md: There is no version 0, and one file",
    ),
    "version 0": (_write("v0000.md", "---\n---\nx"), "v0000.md: There is no version 0"),
    "an unpadded number": (_write("v3.md", "---\n---\nx"), "v3.md: A prompt's folder holds prompt.yaml, tests.yaml"),
    "another ending": (_write("v0003.yaml", "messages: []"), "v0003.yaml: The prompt is of type text; its versions"),
    "a folder as prompt.yaml": (_folder(P), "prompt.yaml: This is no file."),
    "a folder": (lambda _, folder: (folder / "v0003.md").mkdir(), "v0003.md: A prompt's folder holds"),
    "a text that was edited": (_edit(V1, "Text 1", "Text one"), "v0001.md:3: The digest is not that of this content."),
    "a digest that is none": (_edit(V1, "digest: ", 'digest: "x" #'), "v0001.md:3: The digest is not that of"),
    "no front matter": (_write(V2, "Text 2"), "v0002.md:1: It begins with a line of three dashes"),
    "no second line of dashes": (_write(V2, "---\nnumber: 2\nText"), "v0002.md: The second line of three dashes"),
    "no text": (_write(V2, "---\n---\n"), "v0002.md: text: The text has 0 characters; 1 to 100,000 are taken."),
    "a long text": (_write(V2, f"---\n---\n{'x' * 100_001}"), "v0002.md: text: The text has 100,001 characters"),
    "no UTF-8": (_write(V2, b"---\n---\nText\n\xff"), "v0002.md:4: This is not UTF-8."),
    "no UTF-8 above the text": (
        _write(V2, b"---\nnumber: 2\nauthor: \xe9\n---\nText"),
        "v0002.md:3: This is not UTF-8.",
    ),
    "a NUL": (_write(V2, b"---\n---\na\0b"), "v0002.md:3: A text contains a NUL character."),
    "variables that are a list": (_edit(V2, "number: 2", "variables: [a]"), "v0002.md: variables: Send an object."),
    "a variable's type": (_edit(V2, "number: 2", "variables: {a: {type: no}}"), "v0002.md: variables.a.type: A type"),
    "a reason that is a number": (_edit(V2, "number: 2", "metadata: {reason: 1}"), "v0002.md:2: metadata.reason is a"),
    "a base to come": (_edit(V1, "number: 1", "base: 2"), "v0001.md:2: base is the number of an earlier version."),
    "a base that is not there": (_write("v0009.md", "---\nbase: 7\n---\nx"), "v0009.md: base is version 7, of which"),
    "a large file": (_huge(P, LARGEST_PROMPT + 1), "prompt.yaml: It is larger than 16 MiB"),
    "a link out": (_link("v0003.md", "outside/v0003.md"), "v0003.md: This leads out of the directory."),
    "a link to nothing": (_link("v0003.md", "nowhere"), "v0003.md: It cannot be read: No such file"),
    "a link to itself": (_link("v0003.md", "export/default/broken/v0003.md"), "v0003.md: This leads nowhere."),
    "a pipe": (lambda _, folder: os.mkfifo(folder / "v0003.md"), "v0003.md: This is no file."),
    "a template that is refused": (_write(V2, "---\n---\n{{ x.__class__ }}"), "v0002.md: Line 1: "),
    "a template that cannot be read": (_write(V2, "---\n---\n{{ x"), "v0002.md: Line 1: "),
}


@pytest.mark.parametrize(("break_", "sentence"), BROKEN.values(), ids=BROKEN)
def test_a_broken_prompt_is_refused_by_its_file_and_the_others_are_imported(
    acme: Tenant, bob: Actor, tmp_path: Path, break_: Break, sentence: str
) -> None:
    root = tree(tmp_path / "export", broken=["Text 1", "Text 2"], fine=["Text"])
    break_(root, root / "default" / "broken")
    (refusal,) = refusals(root, bob)
    assert sentence in refusal
    assert "Traceback" not in refusal
    assert list(state(acme)) == ["default:fine"]


#: What is done to the whole tree; how many prompts of it are still imported.
BROKEN_TREES: dict[str, tuple[Callable[[Path], Any], str, int]] = {
    "no export": (lambda root: (root / "pvc-export.yaml").unlink(), "There is no pvc-export.yaml in it", 0),
    "a newer format": (
        lambda root: edited(root / "pvc-export.yaml", "version: 1", "version: 2"),
        "pvc-export.yaml:2: This has the format version 2; 1 is the last one that is read here.",
        0,
    ),
    "another format": (
        lambda root: edited(root / "pvc-export.yaml", "prompts", "photos"),
        "pvc-export.yaml:1: This is no export of prompts",
        0,
    ),
    "a reserved name": (
        lambda root: (root / "default/one").rename(root / "default/templates"),
        "templates: name: “templates” is a route of the API",
        1,
    ),
    "a name in capitals": (
        lambda root: (root / "default/one").rename(root / "default/One"),
        "default/One: “One” is no prompt's name",
        1,
    ),
    "an id as a name": (
        lambda root: (root / "default/one").rename(root / "default/01890a5d-ac96-774b-bcce-b302099a8057"),
        "A name cannot look like an id (UUID).",
        1,
    ),
    "a namespace's name": (
        lambda root: (root / "default").rename(root / "-default"),
        "-default: “-default”: Use lower-case letters",
        0,
    ),
    "a reserved namespace": (lambda root: (root / "default").rename(root / "audit"), "audit: “audit”: “audit” is a", 0),
    "a missing namespace": (lambda root: (root / "default").rename(root / "other"), "There is no namespace other.", 0),
    "a file among the prompts": (
        lambda root: (root / "default/notes.txt").write_text("x"),
        "default/notes.txt: A namespace holds folders of prompts, and no file.",
        2,
    ),
    "a namespace that is a link out": (
        lambda root: (root / "out").symlink_to(root.parent),
        "out: This leads out of the directory.",
        2,
    ),
    "a prompt that is a link out": (
        lambda root: (root / "default/out").symlink_to(root.parent),
        "default/out/prompt.yaml: It cannot be read",
        2,
    ),
}


@pytest.mark.parametrize(("break_", "sentence", "imports"), BROKEN_TREES.values(), ids=BROKEN_TREES)
def test_a_broken_tree_is_refused_where_it_is_broken(
    acme: Tenant, bob: Actor, tmp_path: Path, break_: Callable[[Path], Any], sentence: str, imports: int
) -> None:
    root = tree(tmp_path / "export", one=["Text 1"], two=["Text"])
    break_(root)
    told, error = tried("import_prompts", root, bob)
    said = " ".join([error, *(str(each["refusal"]) for each in told.get("prompts", []))])
    assert error
    assert sentence in said
    assert len(state(acme)) == imports


# ----------------------------------------------------------------------------- files of other tools
def test_a_langfuse_export_becomes_prompts_with_their_labels(acme: Tenant, bob: Actor, tmp_path: Path) -> None:
    planned = imported(FOREIGN / "langfuse.json", bob, "--from", "langfuse", "--dry-run")
    done = imported(FOREIGN / "langfuse.json", bob, "--from", "langfuse")
    assert done == {**planned, "dry_run": False}
    draft = done["prompts"][0]
    assert (draft["formerly"], draft["prompt"]) == ("support/Reply Draft", "default:support-reply-draft")
    assert draft["notes"] == [
        "The label “Team B” is left out: no tag can have this name.",
        "Version 2 of the files is version 1 here.",
        "Version 4 of the files is version 2 here.",
        "The label “canary” is left out: default has no such tag.",
    ]
    found = state(acme)
    assert found["default:support-reply-draft"]["tags"] == {"production": 1, "staging": 2}
    assert found["default:support-reply-draft"]["head"] == 2
    assert found["default:movie_critic"]["type"] == CHAT
    assert imported(FOREIGN / "langfuse.json", bob, "--from", "langfuse")["unchanged"] == 2


def test_promptfoo_prompts_are_imported_and_programs_are_refused(acme: Tenant, alice: Actor, tmp_path: Path) -> None:
    said = refusals(FOREIGN / "promptfoo" / "promptfooconfig.yaml", alice, "--from", "promptfoo")
    assert len(said) == 2
    assert "is a program, and none is run" in said[0]
    found = state(acme)
    assert sorted(found) == [
        f"default:{slug}"
        for slug in ("few-shot", "greetings-1", "greetings-2", "prompt-1", "rules", "thread", "ticket-triage")
    ]
    assert found["default:prompt-1"]["says"][2]["examples"][1] == {"language": "German", "text": "no"}


def test_a_table_becomes_prompts(acme: Tenant, bob: Actor) -> None:
    told = imported(FOREIGN / "spreadsheet.csv", bob, "--from", "csv")
    assert [each["prompt"] for each in told["prompts"]] == ["default:ticket-triage", "default:welcome"]
    assert state(acme)["default:ticket-triage"]["tags"] == {"production": 2, "staging": 2}
    assert state(acme)["default:ticket-triage"]["says"][:2] == ("Ticket Triage", "Sorts tickets")


def test_a_file_that_another_tool_did_not_write_is_refused_whole(acme: Tenant, alice: Actor, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xff\x00")
    for tool in ("langfuse", "promptfoo", "csv"):
        assert str(path) in tried("import_prompts", path, alice, "--from", tool)[1]
        assert f"{tmp_path / 'no'}: " in tried("import_prompts", tmp_path / "no", alice, "--from", tool)[1]
    assert state(acme) == {}


# ----------------------------------------------------------------------------- terminals and processes
class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("name", ["export_prompts", "import_prompts"])
def test_a_bar_is_drawn_on_a_terminal_and_nowhere_else(acme: Tenant, alice: Actor, tmp_path: Path, name: str) -> None:
    tree(tmp_path, **{f"p-{number}": [f"Text {number}"] for number in range(3)})
    imported(tmp_path, alice)
    piped, terminal = StringIO(), Terminal()
    for stream in (piped, terminal):
        call_command(name, str(tmp_path), "--tenant", "acme", "--as", "alice", stdout=StringIO(), stderr=stream)
    assert piped.getvalue() == ""
    assert "1 of 3 prompts" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[2K")


@pytest.mark.full
def test_the_program_ends_with_one_and_a_sentence_and_never_with_a_traceback(committed: None, tmp_path: Path) -> None:
    tenant = factories.make_tenant()
    user = factories.make_user(tenant)
    root = tree(tmp_path / "export", broken=["Text 1"], fine=["Text"])
    edited(root / "default/broken/v0001.md", "Text 1", "Text one")
    command = [sys.executable, "manage.py", "import_prompts", str(root), "--tenant", tenant.slug, "--as", user.username]
    environment = {**os.environ, "DATABASE_URL": database_url()}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "refused    " in done.stdout
    assert "1 made, 0 changed, 0 unchanged, 1 refused." in done.stdout
    assert done.stderr == "CommandError: 1 of the prompts were refused; nothing of them is written.\n"


# ----------------------------------------------------------------------------- many
def many(root: Path, prompts_: int, versions: int) -> None:
    """An export of this size: every fifth prompt is a chat; two tags each."""
    begun(root)
    rule = "You answer customers of a web shop, politely and in two sentences at most. Never promise a refund. "
    for index in range(prompts_):
        type_ = TEXT if index % 5 else CHAT
        texts = [f"{rule * 8}\nRule {number} of {index}.\nHelp with: {{{{ issue }}}}\n" for number in range(versions)]
        contents = [
            content_of(
                type_,
                text if type_ == TEXT else [{"role": "system", "content": text}, {"placeholder": "history"}],
                {"issue": {"type": "string", "required": True}},
                {"temperature": 0.2, "max_tokens": 300},
            )
            for text in texts
        ]
        write_prompt(
            Place(root.resolve(), "default", f"p-{index:05}"),
            {"type": type_, "head": versions, "tags": {"production": versions - 1, "staging": versions}},
            [FiledVersion("", number, content) for number, content in enumerate(contents, 1)],
        )


def two_tenants() -> tuple[Actor, Actor]:
    tenants = factories.make_tenant(), factories.make_tenant()
    one, other = (Actor.command(tenant, factories.make_user(tenant)) for tenant in tenants)
    return one, other


@pytest.mark.long
def test_fifty_prompts_of_six_versions_are_the_same_in_another_tenant(committed: None, tmp_path: Path) -> None:
    one, other = two_tenants()
    many(tmp_path / "source", 50, 6)
    imported(tmp_path / "source", one)
    exported(tmp_path / "one", one)
    assert imported(tmp_path / "one", other)["create"] == 50
    assert state(other.tenant) == state(one.tenant)
    before = entries(other.tenant)
    assert imported(tmp_path / "one", other)["unchanged"] == 50
    assert entries(other.tenant) == before
    exported(tmp_path / "two", other)
    assert files_in(tmp_path / "two") == files_in(tmp_path / "one")


@pytest.mark.long
def test_ten_thousand_versions_come_out_and_back_in_within_three_minutes(
    committed: None, tmp_path: Path, settings: LazySettings
) -> None:
    one, other = two_tenants()
    many(tmp_path / "source", 1_000, 10)
    imported(tmp_path / "source", one)
    settings.GENERATION_LEASE = 0.025
    began = time.monotonic()
    assert exported(tmp_path / "one", one)["versions"] == 10_000
    assert imported(tmp_path / "one", other)["create"] == 1_000
    took = time.monotonic() - began
    digests = [
        set(PromptVersion.objects.filter(tenant=actor.tenant).values_list("prompt__slug", "number", "digest"))
        for actor in (one, other)
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 10_000
    assert took < 180, f"{took:.0f} s"


def test_a_file_holds_what_its_version_says(acme: Tenant, alice: Actor, namespace: Namespace, tmp_path: Path) -> None:
    prompt = factories.make_prompt(namespace, by=alice, slug="support", body="Text 1")
    exported(tmp_path, alice)
    version = prompt.versions.get()
    content = content_of(TEXT, "Text 1")
    first = {"author": "alice", "created_at": version.created_at.isoformat(timespec="milliseconds")[:23] + "Z"}
    assert (tmp_path / "default/support/v0001.md").read_bytes() == version_bytes(
        FiledVersion("", 1, content, provenance=first)
    )


# ----------------------------------------------------------------------------- test cases
CASES: list[dict[str, Any]] = [
    {"name": "a refund", "variables": {"issue": "a refund"}, "assertions": [{"type": "contains", "value": "refund"}]},
    {"name": "nothing", "variables": {}, "assertions": [{"type": "valid_json"}, {"type": "max_tokens", "value": 9}]},
]


def with_cases(prompt: Prompt, by: Actor) -> None:
    for case in CASES:
        fields = {name: case[name] for name in ("variables", "assertions")}
        test_cases.create_test_case(prompt, case["name"], **fields, by=by)


def held_cases(tenant: Tenant) -> list[dict[str, Any]]:
    rows = TestCase.objects.filter(tenant=tenant).order_by("name")
    return [{"name": row.name, "variables": row.variables, "assertions": row.assertions} for row in rows]


def test_test_cases_go_with_their_prompt_and_come_again_unchanged(
    tmp_path: Path, namespace: Namespace, alice: Actor, eve: Actor
) -> None:
    prompt = factories.make_prompt(namespace, by=alice, slug="support")
    with_cases(prompt, alice)
    exported(tmp_path / "out", alice)
    imported(tmp_path / "out", eve)
    assert held_cases(eve.tenant) == CASES
    assert (
        TestCase.objects.get(tenant=eve.tenant, name="nothing").digest == prompt.test_cases.get(name="nothing").digest
    )
    assert imported(tmp_path / "out", eve)["unchanged"] == 1
    exported(tmp_path / "again", eve)
    there, again = (tmp_path / each / "default" / "support" / "tests.yaml" for each in ("out", "again"))
    assert there.read_bytes() == again.read_bytes()


def test_a_changed_test_case_is_written_anew_and_no_other_goes(
    tmp_path: Path, namespace: Namespace, bob: Actor
) -> None:
    prompt = factories.make_prompt(namespace, by=bob, slug="support")
    with_cases(prompt, bob)
    exported(tmp_path / "out", bob)
    file = tmp_path / "out" / "default" / "support" / "tests.yaml"
    file.write_text('cases:\n  - name: "a refund"\n    assertions:\n      - type: "valid_json"\n        value: null\n')
    [told] = imported(tmp_path / "out", bob)["prompts"]
    assert (told["action"], told["changes"]) == ("change", ["test cases"])
    assert [case["assertions"] for case in held_cases(bob.tenant)] == [[{"type": "valid_json"}], CASES[1]["assertions"]]


@pytest.mark.parametrize("is_dry", [True, False], ids=["planned", "done"])
def test_an_assertion_that_cannot_be_kept_refuses_the_prompt(
    tmp_path: Path, namespace: Namespace, bob: Actor, is_dry: bool
) -> None:
    factories.make_prompt(namespace, by=bob, slug="support")
    exported(tmp_path / "out", bob)
    file = tmp_path / "out" / "default" / "support" / "tests.yaml"
    file.write_text('cases:\n  - name: "broken"\n    assertions:\n      - type: "regex"\n        value: "("\n')
    told, sentence = tried("import_prompts", tmp_path / "out", bob, *(["--dry-run"] if is_dry else []))
    assert "1 of the prompts were refused" in sentence
    assert "broken" in told["prompts"][0]["refusal"]
    assert held_cases(bob.tenant) == []


def test_where_approvals_are_required_test_cases_take_the_right_to_promote(
    tmp_path: Path, namespace: Namespace, alice: Actor, bob: Actor
) -> None:
    prompt = factories.make_prompt(namespace, by=alice, slug="support")
    with_cases(prompt, alice)
    exported(tmp_path / "out", alice)
    TestCase.objects.filter(prompt=prompt).delete()
    factories.change_policy(namespace, required_approvals=1)
    told, _ = tried("import_prompts", tmp_path / "out", alice)
    assert told["prompts"][0]["refusal"] == "Changing test cases takes prompts:promote in default."
    imported(tmp_path / "out", bob)
    assert held_cases(bob.tenant) == CASES
