"""Eight people write one template at once: one draft each, one number each, one version in pre-production."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import pytest
from django.http import HttpResponse

from audit.models import OutboxEvent
from deployments.actions import promotion
from prompts.actions import namespaces
from prompts.models import Namespace, Prompt, Tag, TagMove
from prompts.names import STAGING
from tests import factories
from tests.chaos.crowd import Crowd, no_deadlock
from tests.factories import Client, json_of

CLIENTS = 8
#: Each client changes a line of its own; between two of them stands one that nobody changes.
LINES = [f"Rule {number}: be kind.\nThis line stays.\n" for number in range(CLIENTS)]


def text_of(*clients: int) -> str:
    """The text with the changes of these clients."""
    return "".join(line.replace("kind", "firm") if number in clients else line for number, line in enumerate(LINES))


class Ground(NamedTuple):
    """A tenant's namespaces by how many approvals they require, and its people."""

    namespaces: list[Namespace]
    clients: list[Client]
    prompt: Callable[[int], Prompt]


@pytest.fixture
def ground(committed: None) -> Ground:
    tenant = factories.make_tenant()
    people = [factories.make_actor(tenant) for _ in range(CLIENTS)]
    made = [
        namespaces.create_namespace(f"n{required}", name="Any", required_approvals=required, by=people[0])
        for required in (1, 0)
    ]
    clients = [factories.client_of(person) for person in people]
    assert clients[0].get("/prompts").status_code == 200

    def prompt(number: int) -> Prompt:
        """Version 1 is live, and what all drafts start from."""
        new = factories.make_prompt(made[number % 2], body=text_of(), by=people[0])
        promotion.override(new, version=new.versions.get(), reason="the first of all", by=people[0])
        return new

    return Ground(made, clients, prompt)


class Race:
    """One template, its eight writers, and what each of them was answered."""

    def __init__(self, ground: Ground, crowd: Crowd, number: int) -> None:
        self.clients, self.crowd = ground.clients, crowd
        self.prompt = ground.prompt(number)
        self.drafts: dict[int, str] = {}

    def at_once(self, calls: Sequence[Callable[[], HttpResponse]]) -> list[tuple[int, Any]]:
        """All calls at once; what each was answered, in their order. None of them fails."""
        answers: dict[int, HttpResponse] = {}

        def call(index: int) -> None:
            answers[index] = calls[index]()

        self.crowd.play([partial(call, index) for index in range(CLIENTS)])
        told = [(answers[index].status_code, json_of(answers[index])) for index in range(CLIENTS)]
        assert {status for status, _ in told} <= {200, 201, 409}, told
        return told

    def opening(self, client: int, body: str) -> Callable[[], HttpResponse]:
        return partial(self.clients[client].post, f"/prompts/templates/{self.prompt.pk}/versions", {"body": body})

    def promoting(self, client: int, way: str = "", **fields: str) -> Callable[[], HttpResponse]:
        path = f"/prompts/versions/{self.drafts[client]}/promote-pre-prod{way}"
        return partial(self.clients[client].post, path, fields)

    # the five races
    def one_person_opens_eight_windows(self) -> None:
        told = self.at_once([self.opening(0, text_of(0)) for _ in range(CLIENTS)])
        [winner] = [body for status, body in told if status == 201]
        losers = [body for status, body in told if status == 409]
        assert len(losers) == CLIENTS - 1
        for body in losers:
            assert body["error"]["code"] == "DRAFT_EXISTS"
            assert body["existing_draft"] == {"id": winner["id"], "version_number": 2}
        self.drafts[0] = winner["id"]

    def everybody_opens_a_draft(self) -> None:
        told = self.at_once([self.opening(client, text_of(client)) for client in range(CLIENTS)])
        assert [status for status, _ in told] == [409, *[201] * (CLIENTS - 1)]
        assert sorted(body["version_number"] for status, body in told if status == 201) == list(range(3, 10))
        self.drafts |= {client: body["id"] for client, (status, body) in enumerate(told) if status == 201}

    def everybody_promotes(self) -> int:
        told = self.at_once([self.promoting(client) for client in range(CLIENTS)])
        [winner] = [client for client, (status, _) in enumerate(told) if status == 200]
        for client, (_, body) in enumerate(told):
            if client != winner:
                assert (body["error"]["code"], body["conflict"]) == ("PRE_PROD_TAKEN", True)
                assert body["options"] == ["override", "merge"]
                assert body["existing_pre_prod"]["version_id"] == self.drafts[winner]
                assert body["existing_pre_prod"]["body"] == text_of(winner)
        return winner

    def the_others_take_its_place(self, present: int) -> int:
        """The one who is there asks again meanwhile."""
        expected = self.drafts[present]
        calls = [
            self.promoting(client)
            if client == present
            else self.promoting(client, "/override", expected_version_id=expected, reason="newer")
            for client in range(CLIENTS)
        ]
        told = self.at_once(calls)
        others = [client for client in range(CLIENTS) if client != present]
        [winner] = [client for client in others if told[client][0] == 200]
        codes = Counter(told[client][1]["error"]["code"] for client in others if client != winner)
        assert codes == {"STALE": CLIENTS - 2}
        assert told[present][0] == 200 or told[present][1]["error"]["code"] == "PRE_PROD_TAKEN"
        return winner

    def the_drafts_are_merged_in(self, present: int, sealed: int) -> None:
        """Six drafts at once; the two who are sealed merge theirs at the same time, and all expect the same."""
        expected = self.drafts[present]
        told = self.at_once(
            [self.promoting(client, "/merge", expected_version_id=expected) for client in range(CLIENTS)]
        )
        merged = [(client, body) for client, (status, body) in enumerate(told) if status == 200 and client != present]
        assert len(merged) == 1, told
        [(winner, body)] = merged
        assert body["body"] == text_of(present, winner)
        assert body["status"] == "pre_prod"
        codes = Counter(body["error"]["code"] for status, body in told if status == 409)
        assert set(codes) == {"STALE"}, codes
        assert codes["STALE"] >= CLIENTS - 2
        assert (body["id"] == self.drafts[winner]) is (winner != sealed)

    def assert_stands(self) -> None:
        numbers = sorted(self.prompt.versions.values_list("number", flat=True))
        assert numbers == list(range(1, len(numbers) + 1))
        assert Tag.objects.filter(prompt=self.prompt, name=STAGING).count() == 1
        moves = list(TagMove.objects.filter(prompt=self.prompt, tag=STAGING).order_by("number"))
        assert [move.number for move in moves] == [1, 2, 3]
        assert [move.old_id for move in moves] == [None, *(move.new_id for move in moves[:-1])]
        sequences = OutboxEvent.objects.filter(prompt_id=self.prompt.pk).values_list("sequence", flat=True)
        last = Prompt.objects.get(pk=self.prompt.pk).last_sequence
        assert sorted(each or 0 for each in sequences) == list(range(1, last + 1))


def play(ground: Ground, *, rounds: int) -> None:
    with no_deadlock(), Crowd(CLIENTS) as crowd:
        for number in range(rounds):
            race = Race(ground, crowd, number)
            race.one_person_opens_eight_windows()
            race.everybody_opens_a_draft()
            first = race.everybody_promotes()
            second = race.the_others_take_its_place(first)
            race.the_drafts_are_merged_in(second, first)
            race.assert_stands()


@pytest.mark.full
def test_of_eight_at_once_one_wins_and_the_others_are_told_who(ground: Ground) -> None:
    play(ground, rounds=20)


@pytest.mark.long
def test_the_same_holds_for_many_rounds(ground: Ground) -> None:
    play(ground, rounds=300)
