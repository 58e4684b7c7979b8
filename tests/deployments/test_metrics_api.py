"""Ingest over HTTP: all of it or nothing, what is wrong by its index, and each session an exposure once."""

import copy
import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from audit.models import AuditEntry, OutboxEvent
from deployments import attribution
from deployments.models import Exposure, Metric, MetricRollup
from tests import factories
from tests.conftest import Furnish
from tests.deployments import split_ground
from tests.deployments.measuring import at, counts, ingest, ingested, item
from tests.deployments.split_ground import Split
from tests.factories import Client, error_of, json_of

Laid = tuple[Split, dict[str, Any], Split, str]
NOBODY = "01890a5d-ac96-774b-bcce-b302099a8061"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def laid(furnish: Furnish[Laid]) -> Laid:
    """A prompt that is split, another tenant's prompt, and a draft."""

    def lay() -> Laid:
        split, theirs = split_ground.lay("acme"), split_ground.lay("other")
        draft = split.client.post(f"/prompts/templates/{split.prompt.pk}/versions", {"body": "A draft"})
        return split, split.made(50, 50), theirs, json_of(draft)["id"]

    return furnish(lay)


@pytest.fixture
def split(db: None, laid: Laid) -> Split:
    attribution.forget()
    return copy.deepcopy(laid[0])


@pytest.fixture
def deployment(db: None, laid: Laid) -> dict[str, Any]:
    return copy.deepcopy(laid[1])


@pytest.fixture
def theirs(db: None, laid: Laid) -> Split:
    return copy.deepcopy(laid[2])


def faults(response: Any) -> dict[str, list[str]]:
    """What was wrong with a body, by path."""
    error = error_of(response)
    assert (response.status_code, error["code"]) == (400, "VALIDATION_ERROR"), error
    named: dict[str, list[str]] = error["details"]["fields"]
    return named


# ----------------------------------------------------------------------------- taken in
def test_every_item_is_kept_as_it_was_sent(split: Split, deployment: dict[str, Any]) -> None:
    then = timezone.now().replace(microsecond=123_000) - dt.timedelta(hours=1)
    dimensions = {"model": "m", "tokens": 9007199254740991, "share": 0.1, "cached": True, "region": None, "é😀": ""}
    sent = [
        item(split.id(1), 812.5, timestamp=at(then), dimensions=dimensions),
        item(split.id(2), 0, type="cost", name="Kosten 😀", unit="€"),
        item(split.id(3), 1, type="quality", name="x" * 100, unit="y" * 40),
    ]
    answer = ingest(split.client, *sent)
    assert (answer.status_code, json_of(answer)) == (201, {"ingested": 3})
    assert "X-Audit-Seq" not in answer.headers
    shown = [json_of(split.client.get(f"/metrics/versions/{split.id(number)}"))["data"] for number in (1, 2, 3)]
    ((first,), (second,), (third,)) = shown
    assert first == {
        **{name: sent[0][name] for name in ("versionId", "type", "name", "value", "unit", "dimensions")},
        "id": first["id"],
        "timestamp": then.strftime("%Y-%m-%dT%H:%M:%S.123Z"),
    }
    assert (second["value"], second["name"], second["unit"], second["dimensions"]) == (0, "Kosten 😀", "€", None)
    assert (third["type"], third["value"], len(third["name"]), len(third["unit"])) == ("quality", 1, 100, 40)


def test_nothing_is_written_down_of_it(split: Split) -> None:
    before = AuditEntry.objects.count(), OutboxEvent.objects.count()
    ingested(split.client, item(split.id(1)))
    assert (AuditEntry.objects.count(), OutboxEvent.objects.count()) == before


def test_a_thousand_items_are_taken_and_one_more_is_not(split: Split) -> None:
    thousand = [item(split.id(1), number) for number in range(1000)]
    before = counts()
    assert faults(ingest(split.client, *thousand, thousand[0])).keys() == {"metrics"}
    assert counts() == before
    assert json_of(ingest(split.client, *thousand)) == {"ingested": 1000}
    assert Metric.objects.filter(version_id=split.id(1)).count() == 1000


EDGES: dict[str, dict[str, Any]] = {
    "nought": {"value": 0},
    "minus nought": {"value": -0.0},
    "the smallest": {"value": 5e-324},
    "the greatest": {"value": 1e150},
    "the best quality": {"type": "quality", "value": 1},
    "the worst quality": {"type": "quality", "value": 0.0},
    "20 dimensions": {"dimensions": {f"d{number}": number for number in range(20)}},
    "a dimension of 200 characters": {"dimensions": {"d": "😀" * 200}},
    "no dimensions": {"dimensions": {}},
    "a session of 200 characters": {"sessionId": "😀" * 200},
    "another zone": {
        "timestamp": (timezone.now() - dt.timedelta(days=1)).astimezone(dt.timezone(dt.timedelta(hours=9))).isoformat()
    },
}


@pytest.mark.parametrize("changes", EDGES.values(), ids=list(EDGES))
def test_what_is_just_within_bounds_is_taken(split: Split, changes: dict[str, Any]) -> None:
    assert ingest(split.client, {**item(split.id(1)), **changes}).status_code == 201


@pytest.mark.parametrize("name", ["timestamp", "dimensions", "deploymentId", "sessionId"])
def test_null_is_as_if_it_were_left_out(split: Split, name: str) -> None:
    assert ingest(split.client, {**item(split.id(1)), name: None}).status_code == 201


@pytest.mark.parametrize("off", [dt.timedelta(minutes=5, seconds=-2), dt.timedelta(days=-30, seconds=5)], ids=str)
def test_times_up_to_the_bounds_are_taken(split: Split, off: dt.timedelta) -> None:
    assert ingest(split.client, item(split.id(1), timestamp=at(timezone.now() + off))).status_code == 201


# ----------------------------------------------------------------------------- refused
def field(name: str, value: Any) -> Callable[[Split], str]:
    """An item with this there; `value` is JSON as it stands."""
    return lambda split: json.dumps({**item(split.id(1)), name: "@@"}).replace('"@@"', value)


def as_sent(text: str) -> Callable[[Split], str]:
    return lambda _: text


def without(name: str) -> Callable[[Split], str]:
    return lambda split: json.dumps(item(split.id(1), **{name: None}))


def quality(value: str) -> Callable[[Split], str]:
    return lambda split: field("value", value)(split).replace("latency", "quality")


def moment(off: dt.timedelta) -> Callable[[Split], str]:
    def sent(split: Split) -> str:
        return field("timestamp", json.dumps(at(timezone.now() + off)))(split)

    return sent


#: An item as JSON, and the field that is told of (the whole item where that is none).
BAD: dict[str, tuple[Callable[[Split], str], str]] = {
    "NaN": (field("value", "NaN"), ".value"),
    "Infinity": (field("value", "Infinity"), ".value"),
    "-Infinity": (field("value", "-Infinity"), ".value"),
    "1e400": (field("value", "1e400"), ".value"),
    "-1e400": (field("value", "-1e400"), ".value"),
    "beyond the greatest": (field("value", "1.0000001e150"), ".value"),
    "a whole number without end": (field("value", "1" + "0" * 400), ".value"),
    "-1": (field("value", "-1"), ".value"),
    "just below nought": (field("value", "-5e-324"), ".value"),
    "true": (field("value", "true"), ".value"),
    "a text": (field("value", '"1"'), ".value"),
    "null": (field("value", "null"), ".value"),
    "a list": (field("value", "[1]"), ".value"),
    "no value": (without("value"), ".value"),
    "a quality of 1.1": (quality("1.1"), ".value"),
    "a quality just above 1": (quality("1.0000000000000002"), ".value"),
    "a quality of -0.1": (quality("-0.1"), ".value"),
    "an unknown type": (field("type", '"speed"'), ".type"),
    "a type in capitals": (field("type", '"Cost"'), ".type"),
    "no type": (without("type"), ".type"),
    "an unknown field": (field("colour", '"red"'), ".colour"),
    "no version": (without("versionId"), ".versionId"),
    "no name": (without("name"), ".name"),
    "an empty name": (field("name", '""'), ".name"),
    "a name too long": (field("name", json.dumps("x" * 101)), ".name"),
    "no unit": (without("unit"), ".unit"),
    "a unit too long": (field("unit", json.dumps("x" * 41)), ".unit"),
    "an unknown version": (field("versionId", json.dumps(NOBODY)), ".versionId"),
    "a version by its number": (field("versionId", "1"), ".versionId"),
    "a version that is no id": (field("versionId", '"first"'), ".versionId"),
    "an unknown deployment": (field("deploymentId", json.dumps(NOBODY)), ".deploymentId"),
    "an empty session": (field("sessionId", '""'), ".sessionId"),
    "a session of 201 characters": (field("sessionId", json.dumps("x" * 201)), ".sessionId"),
    "a session that is a number": (field("sessionId", "7"), ".sessionId"),
    "5 minutes and 1 second ahead": (moment(dt.timedelta(minutes=5, seconds=1)), ".timestamp"),
    "30 days and 1 second old": (moment(dt.timedelta(days=-30, seconds=-1)), ".timestamp"),
    "2 years old": (moment(dt.timedelta(days=-730)), ".timestamp"),
    "the year 9999": (field("timestamp", '"9999-12-31T23:59:59Z"'), ".timestamp"),
    "the year 1": (field("timestamp", '"0001-01-01T00:00:00+14:00"'), ".timestamp"),
    "a time without a zone": (field("timestamp", json.dumps(at(timezone.now().replace(tzinfo=None)))), ".timestamp"),
    "a time as a number": (field("timestamp", "1700000000"), ".timestamp"),
    "no time": (field("timestamp", '"yesterday"'), ".timestamp"),
    "NUL in a name": (field("name", '"a\\u0000b"'), ".name"),
    "NUL in a unit": (field("unit", '"\\u0000"'), ".unit"),
    "NUL in a session": (field("sessionId", '"\\u0000"'), ".sessionId"),
    "NUL in a dimension": (field("dimensions", '{"a": "\\u0000"}'), ".dimensions.a"),
    "NUL in a dimension's name": (field("dimensions", '{"a\\u0000": 1}'), ".dimensions"),
    "21 dimensions": (field("dimensions", json.dumps({f"d{number}": 1 for number in range(21)})), ".dimensions"),
    "nested dimensions": (field("dimensions", '{"a": {"b": 1}}'), ".dimensions"),
    "a list of dimensions": (field("dimensions", '{"a": [1]}'), ".dimensions"),
    "dimensions that are a text": (field("dimensions", '"a"'), ".dimensions"),
    "a dimension that is NaN": (field("dimensions", '{"a": NaN}'), ".dimensions.a"),
    "a dimension without end": (field("dimensions", '{"a": 1e999}'), ".dimensions.a"),
    "a dimension beyond what is exact": (field("dimensions", '{"a": 9007199254740992}'), ".dimensions"),
    "a dimension too long": (field("dimensions", json.dumps({"a": "x" * 201})), ".dimensions"),
    "a number": (as_sent("7"), ""),
    "nothing": (as_sent("null"), ""),
    "a list of items": (lambda split: json.dumps([item(split.id(1))]), ""),
}


def body_of(*items: str) -> bytes:
    return f'{{"metrics": [{", ".join(items)}]}}'.encode()


@pytest.mark.parametrize(("bad", "path"), BAD.values(), ids=list(BAD))
def test_a_bad_item_is_named_and_nothing_is_kept(split: Split, bad: Callable[[Split], str], path: str) -> None:
    """Between good ones, of which none is kept either."""
    good, before = json.dumps(item(split.id(1), sessionId="a")), counts()
    named = faults(split.client.post("/metrics/ingest", body_of(good, bad(split), good)))
    (told,) = named
    assert told == f"metrics[1]{path}" or (path == ".dimensions" and told.startswith("metrics[1].dimensions")), named
    assert all(sentence for sentence in named[told])
    assert counts() == before


def test_several_bad_items_are_all_named(split: Split) -> None:
    good, before = json.dumps(item(split.id(1))), counts()
    sent = [good, BAD["NaN"][0](split), good, BAD["true"][0](split), BAD["no unit"][0](split), good]
    named = faults(split.client.post("/metrics/ingest", body_of(*sent)))
    assert named.keys() == {"metrics[1].value", "metrics[3].value", "metrics[4].unit"}
    unknown = [item(split.id(1)), item(NOBODY), item(split.id(1), deploymentId=NOBODY), item("nobody")]
    assert faults(ingest(split.client, *unknown)).keys() == {
        *("metrics[1].versionId", "metrics[2].deploymentId", "metrics[3].versionId"),
    }
    late = [
        item(split.id(1)),
        *(item(split.id(1), timestamp=at(timezone.now() + dt.timedelta(days=off))) for off in (1, -31)),
    ]
    assert faults(ingest(split.client, *late)).keys() == {"metrics[1].timestamp", "metrics[2].timestamp"}
    assert counts() == before


def test_a_refusal_stays_short(split: Split) -> None:
    for bad in (item(split.id(1), -1), item(NOBODY), item(split.id(1), timestamp="2020-01-01T00:00:00Z")):
        assert len(faults(ingest(split.client, *[bad] * 1000))) <= 50


def test_a_draft_another_tenants_version_and_deployment_are_none(
    split: Split, deployment: dict[str, Any], theirs: Split, laid: Laid
) -> None:
    hers, before = theirs.made(100), counts()
    unknown = faults(ingest(split.client, item(NOBODY)))
    for version in (laid[3], theirs.id(1)):
        assert faults(ingest(split.client, item(version))) == unknown
        assert faults(ingest(split.client, item(version, deploymentId=deployment["id"]))) == unknown
    foreign = faults(ingest(split.client, item(split.id(1), deploymentId=hers["id"])))
    assert foreign == faults(ingest(split.client, item(split.id(1), deploymentId=NOBODY)))
    ingested(theirs.client, item(theirs.id(1), deploymentId=hers["id"]))
    assert faults(ingest(split.client, item(theirs.id(1)))) == unknown, "what one tenant's call has learned is its own"
    assert counts()[0] == before[0] + 1


def test_a_deployment_that_never_served_the_version_is_refused(split: Split, deployment: dict[str, Any]) -> None:
    before = counts()
    named = faults(ingest(split.client, item(split.id(3), deploymentId=deployment["id"])))
    assert list(named) == ["metrics[0].deploymentId"]
    assert counts() == before
    split.changed(deployment, variants=split.shares(100))
    ingested(split.client, item(split.id(2), deploymentId=deployment["id"]))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "VALIDATION_ERROR"),
        (b"{}", 400, "VALIDATION_ERROR"),
        (b'{"metrics": []}', 400, "VALIDATION_ERROR"),
        (b'{"metrics": {}}', 400, "VALIDATION_ERROR"),
        (b'{"metrics": null}', 400, "VALIDATION_ERROR"),
        (b"[]", 400, "VALIDATION_ERROR"),
        (b"7", 400, "VALIDATION_ERROR"),
        (b"not JSON", 400, "INVALID_JSON"),
        (b'{"metrics": [', 400, "INVALID_JSON"),
        (b'{"metrics": []} x', 400, "INVALID_JSON"),
        (b'{"metrics": [{"name": "\xff"}]}', 400, "INVALID_JSON"),
        (b"[" * 100_000, 400, "INVALID_JSON"),
        (b'{"metrics": [' + b" " * (MIB - 15) + b"]}", 400, "VALIDATION_ERROR"),
        (b'{"metrics": [' + b" " * (MIB - 14) + b"]}", 413, "PAYLOAD_TOO_LARGE"),
    ],
    ids=[
        *("empty", "an empty object", "no items", "an object of items", "null", "a list", "a number", "no JSON"),
        *("half of it", "more after it", "no UTF-8", "deep", "1 MiB", "1 MiB and a byte"),
    ],
)
def test_a_body_that_is_none_is_refused(split: Split, body: bytes, status: int, code: str) -> None:
    before = counts()
    refused = split.client.post("/metrics/ingest", body)
    assert (refused.status_code, error_of(refused)["code"]) == (status, code)
    assert counts() == before


@pytest.mark.parametrize("name", ["name", "unit", "sessionId"])
def test_a_lone_surrogate_is_refused(split: Split, name: str) -> None:
    before = counts()
    refused = split.client.post("/metrics/ingest", body_of(field(name, '"\\ud800"')(split)))
    assert (refused.status_code, error_of(refused)["code"]) in ((400, "VALIDATION_ERROR"), (400, "INVALID_JSON"))
    assert counts() == before


def test_an_unknown_field_beside_the_items_is_named(split: Split) -> None:
    refused = split.client.post("/metrics/ingest", {"metrics": [item(split.id(1))], "colour": "red"})
    assert list(faults(refused)) == ["colour"]


def test_a_duplicate_key_takes_its_last_value(split: Split) -> None:
    one = json.dumps(item(split.id(1), 1.0))
    sent = one.replace('"value": 1.0', '"value": 3, "value": 7.0')
    assert split.client.post("/metrics/ingest", body_of(sent)).status_code == 201
    assert Metric.objects.get(version_id=split.id(1)).value == 7
    items = [item(split.id(2), number) for number in range(3)]
    both = f'{{"metrics": {json.dumps(items)}, "metrics": {json.dumps(items[:1])}}}'
    assert json_of(split.client.post("/metrics/ingest", both.encode())) == {"ingested": 1}


def test_what_is_not_json_by_its_type_is_415(split: Split) -> None:
    refused = split.client.post("/metrics/ingest", {"metrics": [item(split.id(1))]}, Content_Type="text/plain")
    assert (refused.status_code, error_of(refused)["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


# ----------------------------------------------------------------------------- by whom, how often
def test_it_needs_its_scope(split: Split) -> None:
    refused = ingest(Client(factories.make_key(split.admin.author, ["prompts:write"]).text), item(split.id(1)))
    assert (refused.status_code, error_of(refused)["details"]) == (403, {"scope": "metrics:write"})
    only = Client(factories.make_key(split.admin.author, ["metrics:write"]).text)
    assert ingest(only, item(split.id(1))).status_code == 201
    assert error_of(only.get(f"/metrics/versions/{split.id(1)}"))["details"] == {"scope": "prompts:read"}
    assert ingest(Client(None), item(split.id(1))).status_code == 401


def test_it_counts_against_the_hot_limit_alone(split: Split, settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "hot": 1, "write": 1}
    key = Client(factories.make_key(split.admin.author).text)
    taken, limited = ingest(key, item(split.id(1))), ingest(key, item(split.id(1)))
    assert (taken.status_code, taken["RateLimit-Limit"]) == (201, "1")
    assert (limited.status_code, error_of(limited)["code"]) == (429, "RATE_LIMITED")
    assert int(limited["Retry-After"]) > 0
    assert key.post("/deployments", split.body(100)).status_code == 201
    assert Metric.objects.filter(version_id=split.id(1)).count() == 1


def test_under_a_key_it_counts_once(split: Split, deployment: dict[str, Any]) -> None:
    sent = item(split.id(1), deploymentId=deployment["id"], sessionId="a")
    first = ingest(split.client, sent, Idempotency_Key="once")
    before = counts()
    again = ingest(split.client, sent, Idempotency_Key="once")
    assert (first.status_code, again.status_code, json_of(again)) == (201, 201, {"ingested": 1})
    assert again["Idempotency-Replayed"] == "true"
    other = ingest(split.client, {**sent, "value": 2.0}, Idempotency_Key="once")
    assert (other.status_code, error_of(other)["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert counts() == before
    assert MetricRollup.objects.get(subject_id=split.id(1)).count == 1


def test_a_refusal_uses_no_key_up(split: Split) -> None:
    assert ingest(split.client, item(split.id(1), -1), Idempotency_Key="once").status_code == 400
    assert ingest(split.client, item(split.id(1)), Idempotency_Key="once").status_code == 201


# ----------------------------------------------------------------------------- exposures
def exposures(variant: str) -> dict[str, int]:
    """How many sessions met a variant, and how many of them as their first."""
    found: dict[str, int] = {}
    for row in MetricRollup.objects.filter(subject_id=variant, type="exposure"):
        found[row.name] = found.get(row.name, 0) + row.count
    return found


def test_a_session_meets_a_variant_once(split: Split, deployment: dict[str, Any]) -> None:
    first, second = (each["id"] for each in deployment["variants"])
    mine = {"deploymentId": deployment["id"], "sessionId": "a"}
    ingested(split.client, *[item(split.id(1), **mine)] * 3, item(split.id(1), **{**mine, "sessionId": "b"}))
    ingested(split.client, item(split.id(1), type="cost", **mine))
    assert exposures(first) == {"met": 2, "first": 2}
    ingested(split.client, item(split.id(2), **mine))
    assert exposures(second) == {"met": 1}, "it had met the other before"
    assert Exposure.objects.filter(variant_id=first).count() == 2
    assert Exposure.objects.filter(variant_id=second).count() == 1


def test_without_a_session_or_a_deployment_nobody_meets_anything(split: Split, deployment: dict[str, Any]) -> None:
    ingested(split.client, item(split.id(1), sessionId="a"), item(split.id(1), deploymentId=deployment["id"]))
    assert not Exposure.objects.exists()
    assert exposures(deployment["variants"][0]["id"]) == {}


def test_a_session_is_first_met_in_the_hour_of_its_oldest_item(split: Split, deployment: dict[str, Any]) -> None:
    now = timezone.now()
    times = [now - dt.timedelta(hours=hours) for hours in (2, 5, 3)]
    mine = {"deploymentId": deployment["id"], "sessionId": "a"}
    ingested(split.client, *(item(split.id(1), timestamp=at(each), **mine) for each in times))
    assert Exposure.objects.get().first_at == times[1]
    hour = MetricRollup.objects.get(subject_id=deployment["variants"][0]["id"], type="exposure", name="met").hour
    assert hour == times[1].replace(minute=0, second=0, microsecond=0)


def test_items_count_for_their_version_their_prompt_and_their_variant(split: Split, deployment: dict[str, Any]) -> None:
    ingested(
        split.client,
        item(split.id(1), 3.0, deploymentId=deployment["id"]),
        item(split.id(1), 5.0),
        item(split.id(3), 7.0),
    )

    def kept(subject: Any) -> list[tuple[int, float, float, float, float]]:
        rows = MetricRollup.objects.filter(subject_id=subject)
        return [*rows.values_list("count", "total", "squares", "least", "greatest")]

    assert kept(split.id(1)) == [(2, 8.0, 34.0, 3.0, 5.0)]
    assert kept(deployment["variants"][0]["id"]) == [(1, 3.0, 9.0, 3.0, 3.0)]
    assert kept(split.prompt.pk) == [(3, 15.0, 83.0, 3.0, 7.0)]
