"""What the built-in harness costs: one version with many test cases, from the call to the end, and where the time goes.

./dev bench evaluations [--cases 10000] [--rounds 5]
"""

import argparse
import cProfile
import pstats
import statistics
import time
from io import StringIO

import django
from django.core.management import call_command

django.setup()

from evaluations import history, queue, worker
from evaluations.actions import runs, test_cases
from evaluations.models import Evaluation
from prompts.files.filed import FiledCase
from prompts.models import Namespace, Prompt
from tenants.models import Actor
from tests import factories

#: About 1,500 characters, and four variables.
TEXT = (
    "You answer customers of {{ shop }} in {{ language }}.\n"
    + "Be exact, be kind, and promise nothing that the terms of the shop do not. " * 18
    + "\n{% if history %}What was said before: {{ history }}\n{% endif %}Help with: {{ issue }}"
)
ROWS = 12


def laid(cases: int) -> tuple[Prompt, Actor]:
    """A prompt with so many test cases of three assertions each."""
    tenant = factories.make_tenant()
    by = factories.make_actor(tenant)
    prompt = factories.make_prompt(Namespace.objects.get(tenant=tenant, slug="default"), by=by, body=TEXT)
    filed = [
        FiledCase(
            f"case {number:05}",
            {"shop": "a shop", "language": "English", "history": "", "issue": f"parcel {number} is late"},
            [
                {"type": "contains", "value": f"parcel {number}"},
                {"type": "max_tokens", "value": 2_000},
                {"type": "no_missing_variables"},
            ],
        )
        for number in range(cases)
    ]
    test_cases.keep_test_cases(prompt, filed, by=by)
    return prompt, by


def evaluated(prompt: Prompt, by: Actor) -> float:
    """Seconds from the call to the end of one evaluation, run in this process as a worker does."""
    began = time.perf_counter()
    evaluation = runs.trigger(prompt.versions.get(), harness="builtin", by=by)
    taken = queue.claim(Evaluation.objects.filter(pk=evaluation.pk))
    assert taken is not None
    worker.run(taken)
    seconds = time.perf_counter() - began
    evaluation.refresh_from_db()
    assert evaluation.status == Evaluation.PASSED, evaluation.metrics
    return seconds


def gate_asked(prompt: Prompt) -> float:
    """Seconds that the gate's own reading takes, the digest of the whole set in it."""
    version = prompt.versions.get()
    began = time.perf_counter()
    history.runs_of([version])
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench evaluations", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=10_000, help="test cases of the prompt")
    parser.add_argument("--rounds", type=int, default=5, help="evaluations of it")
    wanted = parser.parse_args()
    call_command("migrate", verbosity=0)
    prompt, by = laid(wanted.cases)
    evaluated(prompt, by)
    seconds = [evaluated(prompt, by) for _ in range(wanted.rounds)]
    middle = statistics.median(seconds)
    each = middle / wanted.cases * 1e6
    print(f"{wanted.cases:,} test cases: {middle:.2f} s from the call to the end, {each:,.0f} us each", flush=True)
    asked = statistics.median(gate_asked(prompt) for _ in range(wanted.rounds))
    print(f"the gate's reading with so many: {asked * 1e3:.1f} ms", flush=True)
    profile = cProfile.Profile()
    profile.runcall(evaluated, prompt, by)
    table = StringIO()
    pstats.Stats(profile, stream=table).sort_stats("tottime").print_stats(ROWS)
    print("\n".join(line for line in table.getvalue().splitlines() if line.strip()))


if __name__ == "__main__":
    main()
