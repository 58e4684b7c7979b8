"""What docker-compose.yml starts works: its commands and health checks, run as they stand, on servers made as it makes
them, in a folder that holds what the image holds. Only addresses are replaced."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest

from tests.dev import compose
from tests.dev.test_dev_parts import load_dev

ROOT = compose.ROOT
PARTS = ("web", "worker", "beat")
LISTENING, METRICS = "8000", "/run/metrics"
STARTS_WITHIN = 60  # seconds


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def image_of(folder: Path) -> Path:
    """A folder with the files that .dockerignore lets into the image."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    for name in [line.removeprefix("!") for line in lines if line.startswith("!")]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)  # compiled, as in the image
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


class Installation:
    """The services of docker-compose.yml on this machine's loopback."""

    def __init__(self, dev: ModuleType, folder: Path, env_file: Path) -> None:
        self.dev, self.folder = dev, folder
        self.env_file = env_file
        self.services = compose.services(env_file)
        self.children = dev.Children(folder / "log", folder / "pids")
        self.ports = {"redis": free_port(), "web": free_port()}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.image = image_of(folder / "image")
        (folder / "metrics").mkdir()

    def give(self, changed: Mapping[str, str]) -> None:
        """Change .env, as a person would."""
        with self.env_file.open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in changed.items())
        self.services = compose.services(self.env_file)

    # ------------------------------------------------------------------ servers
    def start_postgres(self) -> None:
        """As the image's entry point does: initdb with the given options, the database, then what is mounted."""
        dev, given = self.dev, self.services["postgres"]["environment"]
        programs = dev.within_reach(dev.find_postgres(), self.folder).parent
        server = dev.Postgres(programs, self.folder / "postgres", {})
        server.data.mkdir(mode=0o700)
        password = self.folder / "password"
        password.write_text(given["POSTGRES_PASSWORD"])
        for path in (server.data, password):
            dev.give_to_nobody(path)
        options = [*given["POSTGRES_INITDB_ARGS"].split(), "--auth=scram-sha-256", "--no-sync"]
        server._run(
            "initdb",
            f"--pgdata={server.data}",
            f"--pwfile={password}",
            f"--username={given['POSTGRES_USER']}",
            *options,
        )
        self.ports["postgres"] = server.start(self.children, "postgres", durable=False)
        self.programs, self.password = programs, given["POSTGRES_PASSWORD"]
        self.psql("postgres", "--command", f"CREATE DATABASE {given['POSTGRES_DB']}")
        self.set_passwords()

    def set_passwords(self) -> None:
        mounted = [each for each in self.services["postgres"]["volumes"] if each["type"] == "bind"]
        assert mounted[0]["target"].startswith("/docker-entrypoint-initdb.d/")
        given = self.services["postgres"]["environment"]
        self.psql(given["POSTGRES_DB"], "--file", mounted[0]["source"])

    def psql(self, database: str, *words: str) -> None:
        given = self.services["postgres"]["environment"]
        place = ["--host=127.0.0.1", f"--port={self.ports['postgres']}", f"--username={given['POSTGRES_USER']}"]
        command = [str(self.programs / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *place]
        environment = {**given, "PGPASSWORD": self.password}
        subprocess.run([*command, f"--dbname={database}", *words], env=environment, check=True)

    def start_redis(self) -> None:
        program = str(self.dev.find_valkey(self.folder, "").program)
        (self.folder / "redis").mkdir()
        ours = ["--bind", "127.0.0.1", "--port", str(self.ports["redis"]), "--dir", str(self.folder / "redis")]
        command = [program, *self.services["redis"]["command"], *ours]
        self.children.start("valkey", command, self.dev.server_environment())
        deadline = time.monotonic() + STARTS_WITHIN
        while self.dev.port_is_free(self.ports["redis"], within=0):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    # ------------------------------------------------------------------ the product's parts
    def here(self, text: str) -> str:
        """An address inside the installation, as it is on this machine."""
        for name in ("postgres", "redis"):
            text = re.sub(rf"\b{name}:\d+", f"127.0.0.1:{self.ports[name]}", text)
        text = text.replace(METRICS, str(self.folder / "metrics")).replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        return re.sub(rf"\b{LISTENING}\b", str(self.ports["web"]), text)

    def environment(self, service: str) -> dict[str, str]:
        given = {name: self.here(value) for name, value in self.services[service]["environment"].items() if value}
        return given | {"PATH": f"{sys.prefix}/bin:/usr/bin:/bin"}

    def command(self, service: str) -> list[str]:
        return [self.here(word) for word in self.services[service]["command"] or compose.command_of_the_image()]

    def run(self, service: str, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in a service, as `docker compose exec` would."""
        found = shutil.which(command[0], path=self.environment(service)["PATH"])
        return subprocess.run(
            [found or command[0], *command[1:]],
            cwd=self.image,
            env=self.environment(service),
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, service: str) -> subprocess.Popen[bytes]:
        argv = self.command(service)
        with (self.folder / f"{service}.txt").open("wb") as output:
            return subprocess.Popen(
                [str(shutil.which(argv[0], path=self.environment(service)["PATH"])), *argv[1:]],
                cwd=self.image,
                env=self.environment(service),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def health(self, service: str) -> subprocess.CompletedProcess[str]:
        kind, *command = self.services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        return self.run(service, [self.here(word) for word in command])

    def wait_until_healthy(self, service: str, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + STARTS_WITHIN
        while (asked := self.health(service)).returncode:
            log = (self.folder / f"{service}.txt").read_text()
            assert process.poll() is None, log
            assert time.monotonic() < deadline, f"{asked.stderr}\n{log}"
            time.sleep(0.3)

    # ------------------------------------------------------------------ docker compose …
    def docker(self, line: str) -> str:
        """What a line of the documents does: `docker compose exec`, `run`, `stop`, `start` or `up`."""
        line, _, output = line.partition(" > ")
        line, _, typed = line.partition(" < ")
        _, compose_, verb, *words = shlex.split(line)
        assert compose_ == "compose", line
        while words and words[0].startswith("-"):
            words.pop(0)
        given = (self.folder / typed).read_bytes() if typed else b""
        said = b""
        match verb:
            case "exec" if words[0] == "postgres":
                said = self.in_postgres(words[1:], given)
            case "exec" | "run":
                done = self.run(words[0], words[1:] or self.command(words[0]))
                assert done.returncode == 0, done.stderr
                said = done.stdout.encode()
            case "stop" | "start" | "up":
                self.stop_parts()
                if verb != "stop":
                    self.start_parts("web")
            case _:
                pytest.fail(f"{line}: not known here")
        if output:
            (self.folder / output).write_bytes(said)
        return said.decode(errors="replace")

    def in_postgres(self, words: list[str], typed: bytes) -> bytes:
        service = self.services["postgres"]
        mounted = {each["target"]: each["source"] for each in service["volumes"] if each["type"] == "bind"}
        place = {"PGHOST": "127.0.0.1", "PGPORT": str(self.ports["postgres"]), "PGPASSWORD": self.password}
        command = [str(self.programs / words[0]), *(mounted.get(word, word) for word in words[1:])]
        done = subprocess.run(
            command, env=service["environment"] | place, input=typed, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def start_parts(self, *services: str) -> None:
        for service in services:
            self.running[service] = self.start(service)
        for service in services:
            self.wait_until_healthy(service, self.running[service])

    def stop_parts(self) -> None:
        """As `docker compose stop` does, within the time that the file gives each."""
        for service in list(self.running):
            process = self.running.pop(service)
            try:
                process.terminate()
                code = process.wait(seconds(self.services[service]["stop_grace_period"]))
                assert code == 0, (self.folder / f"{service}.txt").read_text()
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def ask(self, path: str, key: str = "", body: dict[str, Any] | None = None) -> Any:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        data = None if body is None else json.dumps(body).encode()
        return json.loads(self.read(path, data, headers))

    def read(self, path: str, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['web']}{path}", data, dict(headers or {}))
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=10) as answer:
            body: bytes = answer.read()
            return body


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """PostgreSQL and Redis as docker-compose.yml makes them, and nothing else yet."""
    dev = load_dev()
    folder = dev.public_temporary_folder()
    made = Installation(dev, folder, compose.fill_in(tmp_path))
    try:
        made.start_redis()
        made.start_postgres()
        yield made
    finally:
        try:
            made.stop_parts()
        finally:
            made.children.stop()
        shutil.rmtree(folder)


def seconds(text: str) -> float:
    found = re.fullmatch(r"(?:(\d+)m)?(\d+)s", text)
    assert found
    return 60 * int(found[1] or 0) + int(found[2])


def commands_under(heading: str, document: str = "deployment.md") -> list[str]:
    """The lines that a chapter of a document shows for Docker Compose."""
    chapter = (ROOT / "docs" / document).read_text().split(f"# {heading}\n", 1)[1]
    chapter = re.split(r"^#+ ", chapter, maxsplit=1, flags=re.MULTILINE)[0]
    blocks = re.findall(r"^```console\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("docker compose ")]


def make_first_key(installation: Installation) -> str:
    """The first steps in a new installation, as the document has them."""
    lines = [line for line in commands_under("The first administrator") if "changepassword" not in line]
    said = [installation.docker(line) for line in lines]
    assert len(said) == 3
    return said[-1].splitlines()[0]


def make_prompt(installation: Installation, key: str, name: str) -> None:
    assert installation.ask("/api/v1/prompts", key, {"name": name, "template": "Hello"})["name"] == name


def names_of_prompts(installation: Installation, key: str) -> set[str]:
    return {each["name"] for each in installation.ask("/api/v1/prompts", key)["data"]}


@pytest.mark.long
def test_the_commands_and_health_checks_of_the_compose_file_work(installation: Installation) -> None:
    assert installation.run("migrate", installation.command("migrate")).returncode == 0
    for service in PARTS:
        assert installation.health(service).returncode != 0, f"{service} is healthy before it was started"

    installation.start_parts(*PARTS)

    assert installation.ask("/ready")["status"] == "ready"
    make_prompt(installation, make_first_key(installation), "support-reply")
    assert list((installation.folder / "metrics").iterdir()), "nothing counts for /metrics"
    assert installation.read("/api/v1/docs/openapi.yaml").startswith(b"openapi:")
    installation.stop_parts()
    serves_and_nothing_more(installation)


def serves_and_nothing_more(installation: Installation) -> None:
    """The role of the web server is no superuser, and adds to the audit log but does not change it."""
    with psycopg.connect(installation.environment("web")["DATABASE_URL"], autocommit=True) as connection:
        rights = "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        assert connection.execute(rights).fetchone() == (False,) * 4
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM audit_auditentry")


@pytest.mark.long
def test_backup_restore_and_rotation_run_as_the_documents_say(installation: Installation) -> None:
    backup, *restore = commands_under("Backup and restore")
    installation.docker("docker compose run --rm migrate")
    installation.start_parts("web")
    key = make_first_key(installation)
    make_prompt(installation, key, "kept")
    installation.docker(backup)
    make_prompt(installation, key, "later")

    for line in restore:
        installation.docker(line)

    assert names_of_prompts(installation, key) == {"kept"}
    make_prompt(installation, key, "after")  # the log goes on where the backup ended
    serves_and_nothing_more(installation)
    change_passwords(installation)
    assert names_of_prompts(installation, key) == {"kept", "after"}


def change_passwords(installation: Installation) -> None:
    old = installation.environment("web")["DATABASE_URL"]
    changed = {"POSTGRES_PASSWORD": "0123456789abcdef" * 4, "APP_PASSWORD": "fedcba9876543210" * 4}
    installation.give(changed)
    first, *lines = commands_under("Rotation", "configuration.md")
    assert first == "docker compose up --detach postgres"  # it is given the new ones, and keeps its data
    for line in lines:
        installation.docker(line)
    installation.password = changed["POSTGRES_PASSWORD"]
    assert "pvc_app" in installation.docker("docker compose exec postgres psql -U pvc_owner -d pvc -c '\\du'")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(old)


@pytest.mark.full
def test_the_web_server_is_not_healthy_before_migrate(installation: Installation) -> None:
    installation.running["web"] = installation.start("web")
    deadline = time.monotonic() + STARTS_WITHIN
    while installation.dev.port_is_free(installation.ports["web"], within=0):
        assert installation.running["web"].poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    asked = installation.health("web")
    assert asked.returncode != 0
    assert "503" in asked.stderr
