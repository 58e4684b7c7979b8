"""Whatever a template asks for, it is answered soon and cheaply: the bombs run in a process of their own."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from prompts.template import RenderLimit, analyse, render

REPOSITORY = Path(__file__).resolve().parents[2]
#: Bombs that turn out harmless: they do little, and are rendered.
HARMLESS = {
    "30 brackets",
    "490 branches",
    "a name of 99,000 letters",
    "a namespace in itself",
    "doubling through namespaces",
    "growing fractions",
}


@pytest.fixture(scope="module")
def reports() -> Any:
    program = Path(__file__).parent / "corpora" / "bombs.py"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, str(program)]
    run = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr.decode()
    return {report["name"]: report for report in map(json.loads, run.stdout.splitlines())}


def test_there_are_more_than_sixty_bombs_and_none_is_left_out(reports: Any) -> None:
    assert len(reports) > 180


def test_every_bomb_is_refused_or_stopped(reports: Any) -> None:
    rendered = {name for name, report in reports.items() if report["outcome"] == "rendered"}
    assert rendered == HARMLESS


def test_no_bomb_takes_two_seconds(reports: Any) -> None:
    assert {name: report["seconds"] for name, report in reports.items() if report["seconds"] > 2} == {}


def test_no_bomb_takes_fifty_megabytes(reports: Any) -> None:
    assert {name: report["megabytes"] for name, report in reports.items() if report["megabytes"] > 50} == {}


def test_a_spent_budget_says_which_limit_it_was() -> None:
    with pytest.raises(RenderLimit) as refused:
        render("{% for a in range(1000) %}{% for b in range(1000) %}x{% endfor %}{% endfor %}", {})
    assert refused.value.details["limit"] == "steps"
    assert "20,000 steps" in refused.value.message


def test_output_of_a_mebibyte_is_the_most() -> None:
    variables = {"text": "é" * 50_000}
    assert len(render("{{ text }}" * 10, variables).text.encode()) == 1_000_000
    with pytest.raises(RenderLimit) as refused:
        render("{{ text }}" * 11, variables)
    assert refused.value.details["limit"] == "output"


def test_threads_do_not_spend_each_others_budget() -> None:
    template = "{% for a in range(100) %}{% for b in range(100) %}{{ b }}{% endfor %}{% endfor %}"
    expected = render(template, {}).text
    found = []
    threads = [threading.Thread(target=lambda: found.append(render(template, {}).text)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 16


@pytest.mark.parametrize(
    "text", ["{{a}}", "{%if a%}", "{{a|b}}", "{{[", "{##}", "{{'", "{% raw %}", "{{1+", "{{-a-}}\n", "{", "ü{{ü}}"]
)
def test_any_text_of_full_length_is_analysed_at_once(text: Any) -> None:
    started = time.process_time()
    analyse((text * 100_000)[:100_000])
    assert time.process_time() - started < 1
