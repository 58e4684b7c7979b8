"""docs/configuration.md and docs/deployment.md: every variable, every sentence and every command in them is real."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.dev import compose
from tests.dev.test_production_files import OF_LIBRARIES, REQUIRED, compose_variables
from tests.test_rings import environment_variables, modules

ROOT = compose.ROOT
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text()
SETTINGS = (ROOT / "pvc" / "settings.py").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def rows(text: str, heading: str) -> list[list[str]]:
    """The table of a chapter, without its head."""
    chapter = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in chapter.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def documented() -> dict[str, list[str]]:
    """Each variable that has a row, with the row."""
    settings = ("Where people reach it", "The audit log", "Log-in through a provider", "How much")
    headings = ("Required", *settings, "The rest")
    return {row[0].strip("`"): row[1:] for heading in headings for row in rows(CONFIGURATION, heading)}


# ----------------------------------------------------------------------------- variables
def test_every_variable_has_a_row_and_every_row_is_read() -> None:
    read = environment_variables() | OF_LIBRARIES | {"PORT"}
    assert set(documented()) | {"JWT_SECRET"} == read


def test_what_docker_compose_alone_reads_is_named_with_its_default() -> None:
    chapter = CONFIGURATION.split("\nDocker Compose alone reads", 1)[1].split("\n## ", 1)[0]
    alone = compose_variables() - set(documented())
    assert {name for name in alone if f"`{name}`" not in chapter} == set()
    assert set(re.findall(r"`([A-Z_]+)`", chapter)) - alone == {"GRANIAN_WORKERS"}
    for name, default in (("BIND_ADDRESS", "127.0.0.1"), ("WORKER_PROCESSES", "2")):
        assert f"`{name}` ({default})" in chapter
        assert f"${{{name}:-{default}}}" in compose.FILE.read_text()


def test_the_required_ones_stop_the_start_and_no_other() -> None:
    required = {row[0].strip("`") for row in rows(CONFIGURATION, "Required")}
    assert required == {"DATABASE_URL", "REDIS_URL", "MIGRATE_DATABASE_URL"} | set(REQUIRED) - {
        "POSTGRES_PASSWORD",
        "APP_PASSWORD",
    }


def test_the_defaults_are_those_of_the_settings() -> None:
    flat = SETTINGS.replace("_000", "000")
    numbers = {name: row[0] for name, row in documented().items() if row[0].isdigit() and name != "PORT"}
    assert len(numbers) == 8
    for name, default in numbers.items():
        assert f'("{name}", {default}' in flat, name


# ----------------------------------------------------------------------------- sentences
def test_the_sentences_in_the_table_of_troubles_are_the_products() -> None:
    written = re.sub(r'"\s*\n\s*f?"', "", "".join((ROOT / path).read_text() for path in modules()))
    written += compose.FILE.read_text()
    sentences = [span for row in rows(DEPLOYMENT, "Troubles") for span in re.findall(r"`([^`]+)`", row[0])]
    sentences = [each for each in sentences if " " in each]
    assert len(sentences) > 10
    for sentence in sentences:
        fixed = max(re.split(r"[A-Z_]{5,}|\d+|: ", sentence), key=len)
        assert len(fixed) > 12, sentence
        assert fixed in written, sentence


# ----------------------------------------------------------------------------- commands
def test_the_units_and_the_table_start_what_the_image_and_compose_start() -> None:
    services = yaml.safe_load(compose.FILE.read_text())["services"]
    commands = {
        "web": " ".join(compose.command_of_the_image()).replace("0.0.0.0", "127.0.0.1"),  # noqa: S104
        "worker": "celery -A pvc worker --concurrency 2",
        "beat": " ".join(services["beat"]["command"]),
        "migrate": " ".join(services["migrate"]["command"]),
    }
    units = re.findall(r"^ExecStart=/opt/pvc/venv/bin/(.*)$", DEPLOYMENT, re.MULTILINE)
    assert sorted(units) == sorted(commands.values())
    table = {row[0]: row[1].strip("`") for row in rows(f"\n## x\n{DEPLOYMENT.split('## With')[0]}", "x")}
    assert table == commands | {"web": commands["web"].replace(" --blocking-threads-idle-timeout 600", "")}


def test_every_unit_gets_the_environment_of_its_role() -> None:
    for unit in blocks(DEPLOYMENT, "ini"):
        assert "User=pvc" in unit
        assert "EnvironmentFile=/etc/pvc/serve.env" in unit
        assert ("EnvironmentFile=/etc/pvc/migrate.env" in unit) == ("manage.py migrate" in unit)


def test_the_example_with_secrets_is_a_compose_file(tmp_path: Path) -> None:
    (example,) = blocks(CONFIGURATION, "yaml")
    (tmp_path / "docker-compose.yml").write_text(example)
    (tmp_path / ".env").touch()
    done = compose.config(tmp_path / ".env", "--quiet", files=(tmp_path / "docker-compose.yml",))
    assert done.returncode == 0, done.stderr
    given = yaml.safe_load(example)["services"]["web"]["environment"]
    assert {name.removesuffix("_FILE") for name in given} <= environment_variables()


@pytest.mark.parametrize("text", [CONFIGURATION, DEPLOYMENT], ids=["configuration", "deployment"])
def test_every_command_of_the_product_exists(text: str) -> None:
    listing = [sys.executable, "manage.py", "help", "--commands"]
    said = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    named = set(re.findall(r"(?:manage\.py|\./dev manage) ([a-z_]+)", text))
    assert named
    assert named <= set(said.stdout.split())
