"""The decisions of ./dev: what is ours, what is complete, which data counts, what pytest is told."""

import importlib.util
import os
import re
import stat
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load_dev() -> ModuleType:
    """It is a file without a suffix, so it is loaded by hand."""
    loader = SourceFileLoader("dev_under_test", str(ROOT / "dev"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module  # dataclasses look their module up
    loader.exec_module(module)
    return module


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A ./dev with folders of its own."""
    module = load_dev()
    monkeypatch.setattr(module, "is_root", lambda: False)  # root would put data outside a private folder like this
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VAR", tmp_path / "var")
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "PYTHON", str(tmp_path / ".venv" / "bin" / "python"))
    (tmp_path / "var").mkdir()
    (tmp_path / "requirements").mkdir()
    for name in module.LISTS:
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"the {name} list")
    return module


def complete(dev: ModuleType, name: str) -> None:
    (dev.VENV / "bin").mkdir(parents=True, exist_ok=True)
    Path(dev.PYTHON).touch()
    (dev.VENV / ".stamp").write_text(dev.stamp_of(name))


def serves(dev: ModuleType, name: str) -> bool:
    answer: bool = dev.is_stamped(dev.VENV / ".stamp", dev.sufficient_stamps(name))
    return answer


# ----------------------------------------------------------------------------- processes
def test_a_process_is_ours_only_with_the_whole_command_line_that_was_noted(dev: ModuleType) -> None:
    noted = ["/srv/postgres", "-D", "/srv/var/postgres-18"]
    assert dev.is_ours(["/srv/postgres", "-D", "/srv/var/postgres-18"], noted)
    assert not dev.is_ours(["/srv/postgres", "-D", "/elsewhere/var/postgres-18"], noted)
    assert not dev.is_ours(["/srv/postgres"], noted)


def test_a_process_that_is_gone_is_not_ours(dev: ModuleType) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not dev.is_ours(dev.command_line(ended.pid), [])


def test_a_stranger_under_a_noted_number_is_left_alone(dev: ModuleType) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        dev.write_private(dev.VAR / "pids", {"postgres": {"pid": stranger.pid, "argv": ["/srv/postgres"]}})
        dev.stop_leftovers(dev.VAR / "pids")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_leftover_is_stopped_and_no_longer_noted(dev: ModuleType) -> None:
    argv = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"]
    leftover = subprocess.Popen(argv, start_new_session=True, stdout=subprocess.PIPE)
    assert leftover.stdout is not None
    leftover.stdout.readline()
    try:
        dev.write_private(dev.VAR / "pids", {"worker": {"pid": leftover.pid, "argv": argv}})
        dev.stop_leftovers(dev.VAR / "pids")
        assert leftover.wait(1) != 0
        assert not (dev.VAR / "pids").exists()
    finally:
        leftover.kill()
        leftover.communicate()


def test_a_child_ends_with_its_parent_even_when_that_is_killed(dev: ModuleType, tmp_path: Path) -> None:
    script = f"""
import importlib.util, pathlib, sys
from importlib.machinery import SourceFileLoader
loader = SourceFileLoader("dev", {str(ROOT / "dev")!r})
dev = importlib.util.module_from_spec(importlib.util.spec_from_loader("dev", loader))
sys.modules["dev"] = dev
loader.exec_module(dev)
folder = pathlib.Path({str(tmp_path)!r})
children = dev.Children(folder / "log", folder / "pids")
children.start("worker", [sys.executable, "-c", "import time; time.sleep(60)"], {{}})
print(children.running["worker"].pid, flush=True)
import time; time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert dev.command_line(child)
    parent.kill()
    parent.communicate()
    for _ in range(100):
        if not dev.command_line(child):
            return
        subprocess.run(["sleep", "0.05"], check=True)
    pytest.fail("the child outlived its parent by five seconds")


# ----------------------------------------------------------------------------- .venv
def test_a_larger_venv_serves_the_smaller_job_and_not_the_reverse(dev: ModuleType) -> None:
    complete(dev, "test")
    assert serves(dev, "run")
    assert serves(dev, "test")
    assert not serves(dev, "dev")


def test_a_changed_list_asks_for_a_new_venv(dev: ModuleType) -> None:
    complete(dev, "run")
    (dev.ROOT / "requirements" / "run.txt").write_text("another list")
    assert not serves(dev, "run")


def test_a_venv_without_its_stamp_or_its_python_is_not_complete(dev: ModuleType) -> None:
    complete(dev, "dev")
    Path(dev.PYTHON).unlink()
    assert not serves(dev, "run")
    complete(dev, "dev")
    (dev.VENV / ".stamp").unlink()
    assert not serves(dev, "run")


def test_a_venv_that_is_a_link_is_unlinked_and_what_it_leads_to_stays(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    dev.VENV.symlink_to(shared)
    monkeypatch.setattr(dev, "run", lambda _argv: "")
    dev.make_venv()
    assert shared.is_dir()
    assert not dev.VENV.is_symlink()


def test_a_missing_venv_module_is_said_with_its_cure(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(SystemExit, match="apt-get install python3-venv"):
        dev.make_venv()


def test_each_locked_list_holds_the_one_before() -> None:
    run, tests, dev = (
        set(re.findall(r"^[a-z0-9._-]+==\S+", (ROOT / "requirements" / f"{name}.txt").read_text(), re.MULTILINE))
        for name in ("run", "test", "dev")
    )
    assert run
    assert run <= tests <= dev


# ----------------------------------------------------------------------------- data and addresses
def test_data_of_the_same_version_is_used_and_no_data_is_begun(dev: ModuleType) -> None:
    assert dev.which_data([18], 18) == 18
    assert dev.which_data([], 18) is None


def test_older_data_is_carried_over_once(dev: ModuleType) -> None:
    assert dev.which_data([15], 18) == 15
    assert dev.which_data([15, 18], 18) == 18


def test_newer_data_is_refused_even_if_older_lies_beside_it(dev: ModuleType) -> None:
    with pytest.raises(SystemExit, match="written by PostgreSQL 18, and this is 15"):
        dev.which_data([15, 18], 15)


def test_older_data_without_its_programs_is_said_with_the_cure(dev: ModuleType) -> None:
    with pytest.raises(SystemExit, match="apt-get install postgresql-9"):
        dev.older_programs(9, dev.VAR)


def test_our_own_database_is_known_again_under_another_port(dev: ModuleType) -> None:
    one = dev.database_url(dev.APP, "secret", 5432)
    assert one == "postgresql://pvc_app:secret@127.0.0.1:5432/pvc"
    assert dev.same_database(one, dev.database_url(dev.APP, "secret", 6000))
    assert not dev.same_database(one, dev.database_url(dev.APP, "another", 5432))
    assert not dev.same_database("None", one)


def test_keys_are_forgotten_with_the_database_they_belong_to(dev: ModuleType) -> None:
    urls = {"DATABASE_URL": dev.database_url(dev.APP, "secret", 1), "REDIS_URL": "redis://127.0.0.1:2/0"}
    noted = dev.note_servers("http://127.0.0.1:8000", urls, is_new=True)
    noted["keys"]["admin"] = "pvc_key"
    dev.write_private(dev.VAR / "dev.json", noted)
    assert dev.note_servers("http://127.0.0.1:9000", urls, is_new=False)["keys"] == {"admin": "pvc_key"}
    assert dev.note_servers("http://127.0.0.1:9000", urls, is_new=True)["keys"] == {}


def test_secrets_are_made_once_and_nobody_else_can_read_them(dev: ModuleType) -> None:
    held = dev.kept_secrets()
    assert dev.kept_secrets() == held
    assert len(set(held.values())) == 6
    assert stat.S_IMODE((dev.VAR / "secrets.json").stat().st_mode) == 0o600


def test_lost_secrets_are_said_when_there_is_data_that_needs_them(dev: ModuleType) -> None:
    (dev.data_home() / "postgres-18").mkdir()
    with pytest.raises(SystemExit, match="restore it"):
        dev.kept_secrets()


def test_data_stays_where_it_was_put_once(dev: ModuleType) -> None:
    assert dev.data_home() == dev.VAR
    (dev.VAR / "where").write_text("/var/lib/pvc-elsewhere\n")
    assert dev.data_home() == Path("/var/lib/pvc-elsewhere")


def test_a_program_is_out_of_reach_behind_a_private_folder(dev: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    (folder / "postgres").touch(mode=0o755)
    assert not dev.everyone_can_reach(folder / "postgres")
    assert dev.everyone_can_reach(Path("/bin/sh"))


def test_serving_processes_do_not_get_the_owner_of_the_tables(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_DATABASE_URL", "postgresql://owner@127.0.0.1/theirs")
    urls = {"DATABASE_URL": "app", "MIGRATE_DATABASE_URL": "owner", "REDIS_URL": "redis"}
    environment = dev.product_environment(dev.new_secrets(), urls)
    assert environment["MIGRATE_DATABASE_URL"] == "owner"
    assert "MIGRATE_DATABASE_URL" not in dev.serving(environment)


def test_only_the_callers_choice_turns_debug_off(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEBUG", raising=False)
    assert dev.product_environment(dev.new_secrets(), {})["DEBUG"] == "on"
    monkeypatch.setenv("DEBUG", "off")
    assert dev.product_environment(dev.new_secrets(), {})["DEBUG"] == "off"


# ----------------------------------------------------------------------------- the command line
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], ["-n", "2", "--dist", "worksteal", "-m", "not long"]),
        (["--quick"], ["-n", "2", "--dist", "worksteal", "-m", "not long and not full"]),
        (["--long", "-x"], ["-n", "2", "--dist", "worksteal", "-x"]),
        (["-n0", "-k", "approve"], ["-m", "not long", "-n0", "-k", "approve"]),
        (["-p", "no:xdist"], ["-m", "not long", "-p", "no:xdist"]),
        (["-m", "full"], ["-n", "2", "--dist", "worksteal", "-m", "full"]),
        (["--pdb", "-m=full"], ["--pdb", "-m=full"]),
    ],
)
def test_pytest_is_told_the_tier_unless_the_caller_has_chosen(
    dev: ModuleType, given: list[str], told: list[str]
) -> None:
    assert dev.pytest_arguments(given) == told


@pytest.mark.parametrize(
    ("given", "reached"),
    [
        ([], True),
        (["-k", "approve"], True),
        (["--long"], True),
        (["--quick"], False),
        (["tests"], True),
        (["tests/browser/test_drafts.py::test_a"], True),
        (["tests/audit"], False),
        (["tests/audit", "tests/browser"], True),
    ],
)
def test_a_browser_is_looked_for_where_its_tests_are_run(dev: ModuleType, given: list[str], reached: bool) -> None:
    assert dev.wants_browser(given) == reached


def test_without_a_command_it_explains_itself() -> None:
    said = subprocess.run([ROOT / "dev"], capture_output=True, text=True, check=True).stdout
    assert "./dev up" in said
    assert "./dev test" in said


def test_an_unknown_command_is_said_and_fails() -> None:
    done = subprocess.run([ROOT / "dev", "dance"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no such command" in done.stderr


def test_manage_without_running_servers_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "dev").write_bytes((ROOT / "dev").read_bytes())
    done = subprocess.run(
        [sys.executable, tmp_path / "dev", "manage", "check"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert done.returncode == 1
    assert done.stderr == "./dev manage needs the servers of ./dev up, which does not run here.\n"
