"""The rules by name: what each looks for, how bad it is, and what to do about it. Pure."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from prompts.injection.channels import fakes_turns, smuggles_out
from prompts.injection.findings import Severity
from prompts.injection.limits import changes_role, lifts_limits, runs_code
from prompts.injection.orders import overrides
from prompts.injection.phrases import Match
from prompts.injection.revealing import reveals, tells_secrets
from prompts.injection.words import Words

#: Counted up whenever the same text could be judged otherwise.
RULES_VERSION: Final = 1


class Rule(NamedTuple):
    """One kind of phrase: what a person is told who wrote it, in a sentence that goes on from the quoted words."""

    id: str
    message: str
    find: Callable[[Words], Iterator[Match]]
    severity: Severity = "block"


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "override-instructions",
        "tells the model to drop the instructions it was given: remove it, or write what is to be refused "
        "(“If a user asks you to …, refuse”)",
        overrides,
    ),
    Rule(
        "reveal-prompt",
        "asks the model for its own instructions: remove it, or forbid it (“Never reveal …”)",
        reveals,
    ),
    Rule(
        "reveal-secrets",
        "asks the model for passwords, keys or other secrets: remove it, and keep secrets out of prompts",
        tells_secrets,
    ),
    Rule(
        "role-hijack",
        "puts the model into a role that knows no limits: say what the role may and may not do instead",
        changes_role,
    ),
    Rule(
        "disable-safety",
        "takes the model's limits away: remove it, or name the one rule that should not apply and why",
        lifts_limits,
    ),
    Rule(
        "fake-turn",
        "is a sign that separates the turns of a chat, inside a text: write the turns as messages of a chat prompt",
        fakes_turns,
    ),
    Rule(
        "exfiltration",
        "sends what was said, or what is secret, to another address: remove it, or pass only what the task needs",
        smuggles_out,
    ),
    Rule(
        "encoded-orders",
        "makes the model obey what it decodes: say what the decoded text is for, and that it is not an order",
        runs_code,
    ),
)
