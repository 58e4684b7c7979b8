"""What a chat is told: a sentence for every event that says what happened, with a link to where it is looked at."""

import json
import uuid
from typing import Any

import pytest

from audit.events import PUBLIC
from audit.models import OutboxEvent
from pvc.schema.events import webhooks
from webhooks.message import NOTHING, body_of
from webhooks.models import SLACK


def example_of(type_: str) -> dict[str, Any]:
    """The data of an event, as the OpenAPI document shows it."""
    content = webhooks()[type_]["post"]["requestBody"]["content"]["application/json"]
    (example,) = content["examples"].values()
    data: dict[str, Any] = example["value"]["data"]
    return data


def told(type_: str, data: dict[str, Any]) -> str:
    event = OutboxEvent(tenant_id=uuid.uuid4(), type=type_, data=data)
    text: str = json.loads(body_of(event, SLACK))["text"]
    return text


@pytest.mark.parametrize("type_", sorted(PUBLIC - {"audit.checkpoint"}))
def test_every_event_is_a_sentence_without_gaps(type_: str) -> None:
    data = example_of(type_)
    text = told(type_, data)
    assert text != type_
    assert NOTHING not in text or None in data.values()
    assert "{" not in text


def test_a_split_is_told_in_percent() -> None:
    text = told("deployment.changed", example_of("deployment.changed"))
    assert text == "default:support-reply: traffic is split 50 % version 1, 50 % version 2 (active)."


def test_what_slack_would_read_as_its_own_signs_is_escaped() -> None:
    data = example_of("promotion.rejected") | {"reason": "<!channel> & <https://x.example|here>"}
    assert told("promotion.rejected", data).endswith("&lt;!channel&gt; &amp; &lt;https://x.example|here&gt;")


@pytest.mark.parametrize(
    ("type_", "field", "page"),
    [("promotion.requested", "versionId", "version"), ("deployment.changed", "deploymentId", "deployment")],
)
def test_it_leads_to_the_page_of_what_it_is_about(settings: Any, type_: str, field: str, page: str) -> None:
    settings.PUBLIC_API_URL = "https://pvc.example"
    data = example_of(type_)
    assert f"<https://pvc.example/admin/{page}/{data[field]}/|Look at it>" in told(type_, data)


def test_without_an_address_for_people_there_is_no_link(settings: Any) -> None:
    settings.PUBLIC_API_URL = ""
    assert "Look at it" not in told("promotion.requested", example_of("promotion.requested"))
