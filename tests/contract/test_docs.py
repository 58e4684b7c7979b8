"""What the documents show works as written: examples, answers, links, routes, the table of error codes."""

import ast
import configparser
import functools
import json
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from django.conf import settings

import pvc.urls  # noqa: F401 — loads every door, and with it every refusal
from prompts.impact.reasons import Rule
from pvc import answers, errors, middleware
from tenants import actions
from tenants.models import Actor
from tenants.scopes import GATEWAY, SCOPES
from tests import databases, factories
from tests.contract import markdown
from tests.contract.test_examples import NODE
from tests.live import ROOT, database_url, serving

#: Commands that a document may show and that are not run here, each with its reason.
NOT_RUN = {
    re.compile(r"git clone "): "the repository is here already",
    re.compile(r"((PORT|PVC_SERVERS)=\S+ )?\./dev (up|demo|test|lint|lock)\b"): "tests/dev runs ./dev itself",
}
#: Languages of blocks that are read and not run.
READ = {"console", "nginx", "ini", "yaml", "json", "text", "mermaid", "http", "sql"}

#: manage.py without Django's checks of the whole project, which take as long as all the rest of a short command.
MANAGE = (
    "import runpy, sys; from django.core.management.base import BaseCommand; BaseCommand.requires_system_checks = []; "
    "sys.argv[0] = 'manage.py'; runpy.run_path('manage.py', run_name='__main__')"
)

README = ROOT / "README.md"
EXAMPLES = markdown.documents("README.md", "examples/README.md", "docs/*.md")
every_document = pytest.mark.parametrize("path", markdown.every_document(), ids=markdown.name_of)
document_with_examples = pytest.mark.parametrize("path", EXAMPLES, ids=markdown.name_of)


def is_run(block: markdown.Block) -> bool:
    return block.language == "sh" or block.language in markdown.PROGRAMS


# ----------------------------------------------------------------------------- a place to run in
@pytest.fixture
def checkout(django_db_setup: None, django_db_blocker: Any, tmp_path: Path) -> Iterator[Path]:
    """A folder like a checkout in which `./dev up --demo` runs, on a database of its own."""
    name = f"pvc_document_{uuid.uuid4().hex[:8]}"
    with django_db_blocker.unblock():
        with databases._connected(settings.DATABASES["owner"]["NAME"]) as owner:
            databases._execute(owner, "CREATE DATABASE {} TEMPLATE {}", name, databases._template_name())
        before = settings.DATABASES["owner"]["NAME"]
        databases._names[name] = name  # so that it is dropped with the others
        databases._use(name)
        try:
            with serving() as url:
                _furnish(tmp_path, url)
                yield tmp_path
        finally:
            databases._use(before)


def _furnish(folder: Path, url: str) -> None:
    """The people and keys of `./dev up --demo`, the file that names them, and the programs the examples call."""
    tenant = factories.make_tenant("default")
    people = {"admin": "Administrator", "alice": "Author", "bob": "Reviewer"}
    keys = {name: factories.make_key(factories.make_user(tenant, name, group)).text for name, group in people.items()}
    admin = tenant.users.get(username="admin")
    issued = actions.create_api_key("gateway", owner=admin, scopes=set(SCOPES) | {GATEWAY}, by=Actor.command(tenant))
    keys["gateway"] = issued.text
    keys["other_tenant"] = factories.make_key(factories.make_user(factories.make_tenant("other"), "eve")).text
    (folder / "var").mkdir()
    (folder / "var" / "dev.json").write_text(json.dumps({"url": url, "keys": keys}))
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / "docs").symlink_to(ROOT / "docs")
    # "Copy it into your project": the clients lie beside the examples that import them.
    (folder / "pvc_client.py").symlink_to(ROOT / "examples" / "python" / "pvc_client.py")
    (folder / "pvc-client.mjs").symlink_to(ROOT / "examples" / "javascript" / "pvc-client.mjs")
    dev = folder / "dev"
    dev.write_text(f'#!/bin/bash\n[ "$1" = manage ] || exit 64\ncd "{ROOT}" && exec python -c "{MANAGE}" "${{@:2}}"\n')
    dev.chmod(0o755)
    programs = folder / "bin"
    programs.mkdir()
    (programs / "node").symlink_to(NODE)


def environment_of(folder: Path) -> dict[str, str]:
    path = f"{folder}/bin:{ROOT}/.venv/bin:{os.environ['PATH']}"
    return {**os.environ, "DATABASE_URL": database_url(), "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def run(path: Path, folder: Path) -> list[markdown.Ran]:
    return markdown.run(path.read_text(), folder=folder, environment=environment_of(folder), not_run=[*NOT_RUN])


# ----------------------------------------------------------------------------- examples
@pytest.mark.full
@pytest.mark.parametrize(
    "path",
    [path for path in EXAMPLES if path != README and any(map(is_run, markdown.blocks_of(path.read_text())))],
    ids=markdown.name_of,
)
def test_every_example_runs_as_written(path: Path, checkout: Path) -> None:
    assert run(path, checkout)


@pytest.mark.full
def test_the_readme_runs_as_written_and_does_what_it_says(checkout: Path) -> None:
    output = "".join(ran.output for ran in run(README, checkout))
    prompt, version, diff, tag, rendering, history, log, *_ = markdown.objects_in(output)
    assert prompt["name"] == "support-reply"
    assert version["number"] == 2
    assert (diff["toVersion"], diff["semanticImpact"]) == (2, "major")
    assert tag["versionId"] == version["id"]
    assert rendering["rendered"].endswith("Help with: my parcel is late")
    assert history["data"][0]["reason"] == "shorter answers"
    assert log["data"][0]["verb"] == "tag.moved"
    assert re.search(r"^pvc_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}$", output, re.MULTILINE)


@document_with_examples
def test_every_block_is_run_or_read(path: Path) -> None:
    for block in markdown.blocks_of(path.read_text()):
        assert is_run(block) or block.language in READ, f"line {block.line}: write sh, or a language of {sorted(READ)}"
        match block.language:
            case "json":
                json.loads(block.text)
            case "yaml":
                list(yaml.safe_load_all(block.text))
            case "ini":
                configparser.ConfigParser(strict=False, interpolation=None).read_string(block.text)
            case "python":
                ast.parse(block.text)


@document_with_examples
def test_commands_that_are_not_run_exist(path: Path) -> None:
    usage = ast.get_docstring(ast.parse((ROOT / "dev").read_text())) or ""
    for block in markdown.blocks_of(path.read_text()):
        for command in re.findall(r"\./dev (\w+)", block.text) if block.language == "sh" else []:
            assert f"./dev {command} " in usage, f"line {block.line}"


@every_document
def test_every_link_leads_somewhere(path: Path) -> None:
    assert markdown.broken_links(path) == []


@functools.cache
def openapi_document() -> dict[str, Any]:
    """The document, read once, by the quicker of PyYAML's readers."""
    document: dict[str, Any] = yaml.load((ROOT / "docs" / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    return document


@document_with_examples
def test_every_route_that_is_named_exists(path: Path) -> None:
    assert markdown.unknown_routes(path.read_text(), openapi_document()) == []


# ----------------------------------------------------------------------------- the table of codes
def test_the_table_of_error_codes_has_every_code_with_its_status_and_no_other() -> None:
    guide = (ROOT / "docs" / "api-guide.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\d{3}) \|", guide, re.MULTILINE)
    assert {(code, int(status)) for code, status in rows} == _codes()
    assert len(rows) == len(set(rows))


def _codes() -> set[tuple[str, int]]:
    """Every code that the code base answers with, and its status: refusals, and what has no class of its own."""
    found = {(each.code, answers.status_of(each.__new__(each))) for each in _refusals(errors.DomainError)}
    found |= {(code, status) for status, code in middleware._CODES.items()}
    return found | {("INTERNAL_ERROR", 500), ("UNSUPPORTED_MEDIA_TYPE", 415)}


def _refusals(kind: type[errors.DomainError]) -> Iterator[type[errors.DomainError]]:
    """The classes of refusals that the product declares; `errors.DomainError` itself is never raised."""
    for each in kind.__subclasses__():
        if not each.__module__.startswith("test"):
            yield each
        yield from _refusals(each)


def test_the_table_of_impact_rules_has_every_rule_and_no_other() -> None:
    concepts = (ROOT / "docs" / "concepts.md").read_text()
    table = concepts.split("\n## Semantic impact\n")[1]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(get_args(Rule))


# ----------------------------------------------------------------------------- the runner itself
TEXT = """# A title, with `code`

## A title, with code

1. First [here](#a-title-with-code-1), [there](other.md#part), `[not](this)`:

   ```sh
   echo one \\
     two
   ```

```json answer
{"a": 1}
```
Ask `GET /prompts`, `DELETE /prompts`, `/api/v1/prompts/x/nothing` or `/health`.
"""


def test_blocks_are_found_with_their_lines_and_without_the_lists_indentation() -> None:
    assert markdown.blocks_of(TEXT) == [
        markdown.Block(7, "sh", "", "echo one \\\n  two\n"),
        markdown.Block(12, "json", "answer", '{"a": 1}\n'),
    ]


def test_a_link_to_no_file_or_no_heading_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "text.md"
    path.write_text(TEXT)
    assert markdown.broken_links(path) == ["other.md#part"]
    (tmp_path / "other.md").write_text("# Another part\n")
    assert markdown.broken_links(path) == ["other.md#part"]
    (tmp_path / "other.md").write_text("# Part\n")
    assert markdown.broken_links(path) == []


def test_a_route_or_method_that_is_not_there_is_unknown() -> None:
    document: dict[str, Any] = {"paths": {"/api/v1/prompts": {"get": {}}, "/api/v1/prompts/{ref}/tags": {"get": {}}}}
    assert markdown.unknown_routes(TEXT, document) == [
        ("DELETE", "/api/v1/prompts"),
        (None, "/api/v1/prompts/x/nothing"),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("```sh\necho fine\n```\n", None, id="fine"),
        pytest.param("```sh\nfalse\n```\n", "line 1: exit 1", id="a command fails"),
        pytest.param("```sh\nfalse | cat\n```\n", "line 1: exit 1", id="the first part of a pipe fails"),
        pytest.param("```sh\necho \"$NOT_SET\"\n```\n", "line 1: exit 1", id="a variable is not set"),
        pytest.param("```sh\n./dev up\n```\n", None, id="a command that is not run"),
        pytest.param("```sh\nA=1\n```\n\n```sh\ntest $A = 1\n```\n", None, id="one shell for all"),
        pytest.param("\n```python\nraise SystemExit(3)\n```\n", "line 2: exit 3", id="Python fails"),
        pytest.param("```javascript\nthrow new Error()\n```\n", "line 1: exit 1", id="JavaScript fails"),
        pytest.param("```sh\necho '{\"error\": {}}'\n```\n", "line 1: an error", id="an error nobody announced"),
        pytest.param("```sh\necho '{\"a\": \"xyz\", \"b\": 2}'\n```\n\n```json answer\n{\"a\": \"x…\"}\n```\n", None,
                     id="the answer shown"),
        pytest.param("```sh\necho '{\"a\": 1}'\n```\n\n```json answer\n{\"a\": 2}\n```\n", "line 5: another",
                     id="another answer"),
        pytest.param("```sh\necho '{\"a\": [1, 2]}'\n```\n\n```json answer\n{\"a\": [1]}\n```\n", "line 5: another",
                     id="a longer list"),
        pytest.param("```sh\necho '{\"a\": [1, 2]}'\n```\n\n```json answer\n{\"a\": [1, \"…\"]}\n```\n", None,
                     id="a list that goes on"),
        pytest.param("```sh\necho '{\"a\": []}'\n```\n\n```json answer\n{\"a\": [1, \"…\"]}\n```\n", "line 5: another",
                     id="a list that does not begin"),
    ],
)  # fmt: skip
def test_the_runner_sees_what_a_reader_would_see(text: str, complaint: str | None, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "node").symlink_to(NODE)
    environment = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    seen = None
    try:
        markdown.run(text, folder=tmp_path, environment=environment, not_run=[*NOT_RUN])
    except markdown.Failed as failed:
        seen = str(failed)
    assert (seen or "").startswith(complaint or "")
    assert (seen is None) == (complaint is None)
