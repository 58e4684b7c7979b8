"""Every example of the README runs as it is written."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.live import ROOT, database_url, serving

README = (ROOT / "README.md").read_text()
_BLOCK = re.compile(r"^( *)```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks_under(heading: str) -> list[str]:
    """The shell examples of one chapter, in order, without their indentation."""
    chapter = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in _BLOCK.findall(chapter)]


def objects_in(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that several calls printed, one after the other."""
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        answer, end = decoder.raw_decode(text)
        yield answer
        text = text[end:]


@pytest.fixture
def folder(tmp_path: Path, committed: None) -> Path:
    """A place with the `var/dev.json` that the examples read."""
    (tmp_path / "var").mkdir()
    return tmp_path


@pytest.mark.full
def test_a_days_work_runs_as_written(folder: Path) -> None:
    tenant = factories.make_tenant()
    key = factories.make_key(factories.make_user(tenant)).text
    with serving() as url:
        (folder / "var" / "dev.json").write_text(json.dumps({"url": url, "keys": {"admin": key}}))
        script = "set -eu\n" + "\necho\n".join(blocks_under("A day's work"))
        done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = list(objects_in(done.stdout))
    assert [answer for answer in answers if "error" in answer] == []
    prompt, version, tag, rendering, history, log = answers
    assert prompt["name"] == "support-reply"
    assert version["number"] == 2
    assert tag["versionId"] == version["id"]
    assert rendering["rendered"].endswith("Help with: my parcel is late")
    assert history["data"][0]["reason"] == "shorter answers"
    assert log["data"][0]["verb"] == "tag.moved"


@pytest.mark.full
def test_the_commands_for_tenants_people_and_keys_run_as_written(folder: Path) -> None:
    suffix = folder.name.replace("_", "-").lower()[-20:]
    script = "\n".join(blocks_under("Configuration")).replace("./dev manage", "python manage.py")
    script = re.sub(r"\b(acme|carol)\b", rf"\1-{suffix}", script)
    environment = {**os.environ, "DATABASE_URL": database_url(), "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euc", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^pvc_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}$", done.stdout, re.MULTILINE)
