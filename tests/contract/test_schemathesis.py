"""The server held to its document: generated requests, valid and not, and every answer checked against it.

All of schemathesis' checks run but two that need several requests at once (`use_after_free`,
`ensure_resource_availability`), which work on its own sequences of calls alone.
"""

import functools
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
import yaml
from schemathesis import Case
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.generation.meta import CoveragePhaseData
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection

from pvc.wsgi import application
from tests.contract.openapi_world import FIXED, Role, World, is_aimed_nowhere, may_reach

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
#: What a right request may be answered with beside 2xx: no schema can know which objects there are, what state they
#: are in, whether it is still the one that was seen (412), or whether a text is a template that may be stored (422).
ACCEPTED = ["2xx", "304", "401", "403", "404", "409", "410", "412", "422"]
REFUSED = ["400", "401", "403", "404", "405", "409", "410", "412", "413", "415", "422"]


def schema_of(*, examples: int, seed: int | None = None) -> Any:
    """The document, ready to draw requests from; without a seed always the same ones."""
    settings: dict[str, Any] = {
        "generation": {
            "max-examples": examples,
            "deterministic": seed is None,
            "database": "none",
            # NUL is refused wherever it stands; tests/security sends it everywhere.
            "allow-x00": False,
            # Who asks is the test's to say.
            "with-security-parameters": False,
        },
        "checks": {
            "positive_data_acceptance": {"expected-statuses": ACCEPTED},
            "negative_data_rejection": {"expected-statuses": REFUSED},
        },
    }
    if seed is not None:
        settings["seed"] = seed
    document = yaml.load(DOCUMENT.read_text(), Loader=yaml.CSafeLoader)
    for drawn in document["components"]["schemas"].values():
        fields = drawn.get("properties", {})
        for name in [name for name, told in fields.items() if told.get("description") == FIXED]:
            del fields[name]  # a PUT takes it with its present value alone, which cannot be drawn
    schema = schemathesis.openapi.from_dict(document, config=schemathesis.Config.from_dict(settings))
    schema.app = application
    return schema


API = schema_of(examples=6)
OPERATIONS = [each.ok().definition.raw["operationId"] for each in API.get_all_operations()]
#: Large bodies have hundreds of boundaries.
LARGE = {"create-prompts", "create-versions", "update-prompt", "create-template-versions", "save-draft"}
ROLES = ["Author", "Reviewer", "Operator", "Administrator", "no scope", "gateway", "nobody"]
SEEDS = [1, 2, 3, 4, 5]
#: These meet every boundary in the ordinary tier too: what the others are made of. The others meet one of each kind
#: there.
THOROUGH = {"create-prompts", "create-namespaces"}
#: What no drawn request can sign.
SIGNED = {"report-evaluation"}
#: What operations have alike, their headers and the methods that they lack, is met there by one operation in so many,
#: each boundary by other ones.
SHARE = 4
#: How many answers of an operation are enough there: this document takes a second to read.
ENOUGH = {"openapi": 3}
#: One world for all requests of a test: each call finds what it needs, or makes it.
RELAXED = hypothesis.settings(suppress_health_check=list(hypothesis.HealthCheck), deadline=None, database=None)
BOUNDARIES = HypothesisTestMode.COVERAGE
OTHERS = [HypothesisTestMode.EXAMPLES, HypothesisTestMode.FUZZING]


@pytest.fixture
def world(committed: None, settings: Any) -> World:
    """Real commits, and limits that count without being reached."""
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 1_000_000)
    return world_of_process()


@functools.cache
def world_of_process() -> World:
    """The database for what is committed lasts as long as the process."""
    return World()


def try_out(
    schema: Any, operation_id: str, world: World, role: Role, kinds: list[HypothesisTestMode], *, sparing: bool = True
) -> Counter[int]:
    """Send what the document allows and what it does not, and hold each answer to it; how often each status came.

    There are three kinds of requests: the document's examples, its boundaries (coverage), and random ones (fuzzing).
    Sparingly, what takes long and finds nothing more is left out.
    """
    statuses: Counter[int] = Counter()
    tried: set[str] = set()

    def ask(case: Case[Any]) -> None:
        kind = boundary_of(case)
        is_again = operation_id not in THOROUGH and kind in tried
        is_elsewhere = is_common(case) and zlib.crc32(kind.encode()) % SHARE != share_of(operation_id)
        if sparing and (is_again or is_elsewhere or statuses[200] >= ENOUGH.get(operation_id, 1000)):
            return
        tried.add(kind)
        world.aim(case, role)
        # Without a key, and with a false one: asked until the first success, since it sends each request twice more.
        left_out = [ignored_auth] if any(200 <= status < 300 for status in statuses) else []
        # The history of a name that no tag can have is empty, like that of one that was never set.
        left_out += [negative_data_rejection] if operation_id == "tag-history" and is_aimed_nowhere(case) else []
        status = case.call_and_validate(headers=role.headers, excluded_checks=left_out).status_code
        assert not 200 <= status < 300 or may_reach(role, case), "this role holds no scope that the operation names"
        statuses[status] += 1

    operation = schema.find_operation_by_id(operation_id)
    drawn = HypothesisTestConfig(
        project=schema.config,
        modes=kinds,
        settings=schema.config.get_hypothesis_settings(operation=operation, phase="fuzzing"),
        explicit_settings=RELAXED,
        seed=schema.config.seed,
    )
    create_test(operation=operation, test_func=ask, config=drawn)()
    for path_parameters in world.absent(operation):
        missing = operation.Case(method=operation.method.upper(), path_parameters=path_parameters)
        missing.query = {"fromVersion": "1", "toVersion": "2"}
        statuses[missing.call_and_validate(headers=role.headers).status_code] += 1
    return statuses


def boundary_of(case: Case[Any]) -> str:
    """Which kind of boundary a request was drawn for; a name of its own for every other request."""
    assert case.meta is not None
    data = case.meta.phase.data
    return f"{data.location} {data.description}" if isinstance(data, CoveragePhaseData) else case.id


def share_of(operation_id: str) -> int:
    return OPERATIONS.index(operation_id) % SHARE


@functools.cache
def headers_of(operation_id: str) -> frozenset[str]:
    """The headers that the document gives an operation."""
    return frozenset(each.name for each in API.find_operation_by_id(operation_id).headers)


@functools.cache
def is_shared(operation_id: str) -> bool:
    """Whether operations of every share have its headers too: If-None-Match is one operation's alone."""
    shares = [{share_of(each) for each in OPERATIONS if name in headers_of(each)} for name in headers_of(operation_id)]
    return all(len(share) == SHARE for share in shares)


def is_common(case: Case[Any]) -> bool:
    """Whether a request was drawn for what its operation has like others: a boundary of a header, a wrong method."""
    assert case.meta is not None
    data = case.meta.phase.data
    if not isinstance(data, CoveragePhaseData) or not is_shared(case.operation.definition.raw["operationId"]):
        return False
    return data.parameter_location == ParameterLocation.HEADER or "HTTP method" in data.description


def test_every_header_and_every_wrong_method_is_met_in_each_share() -> None:
    """So that each boundary is met by some operation, whichever share it falls to."""
    shared = [each for each in OPERATIONS if is_shared(each)]
    names = {name for each in shared for name in headers_of(each)}
    assert names >= {"Idempotency-Key", "X-Request-Id", "X-Tenant-Id", "X-User-Id", "X-Gateway-Signature"}
    for name in names:
        assert {share_of(each) for each in shared if name in headers_of(each)} == set(range(SHARE)), name
    for method in ("get", "post", "put", "delete"):
        lacking = [each for each in shared if method not in list(API[API.find_operation_by_id(each).path])]
        assert {share_of(each) for each in lacking} == set(range(SHARE)), method


def test_there_are_operations_to_try() -> None:
    assert len(OPERATIONS) > 25
    assert set(OPERATIONS) > LARGE | THOROUGH


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_every_answer_is_as_documented(operation_id: str, world: World) -> None:
    kinds = OTHERS if operation_id in LARGE else [*OTHERS, BOUNDARIES]
    statuses = try_out(API, operation_id, world, world.role("Administrator"), kinds)
    if operation_id in SIGNED:
        assert statuses[401], statuses
    else:
        assert any(200 <= status < 300 for status in statuses), f"no request reached what it was for: {statuses}"


@pytest.mark.full
@pytest.mark.parametrize("operation_id", ["create-prompts", "save-draft"])  # of the same parts as all that are large
def test_every_boundary_of_a_large_body_is_as_documented(operation_id: str, world: World) -> None:
    statuses = try_out(API, operation_id, world, world.role("Administrator"), [BOUNDARIES])
    assert statuses[400] > 20
    assert any(200 <= status < 300 for status in statuses), f"no request reached what it was for: {statuses}"


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("who", ROLES)
def test_every_answer_to_every_role_is_as_documented(who: str, seed: int, world: World) -> None:
    schema, role = schema_of(examples=60, seed=seed), world.role(who)
    kinds = [*OTHERS, BOUNDARIES] if seed == SEEDS[0] else OTHERS  # the boundaries are the same under every seed
    statuses = {each: try_out(schema, each, world, role, kinds, sparing=False) for each in OPERATIONS}
    reached = {name for name, counts in statuses.items() if any(200 <= status < 300 for status in counts)}
    assert reached >= {"health", "docs"}
    assert ("create-prompts" in reached) == ("prompts:write" in role.scopes)
