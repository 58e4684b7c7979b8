"""The runs that a gate looks at: the newest of each harness on a content, and whether its test cases still stand."""

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db import connection

from evaluations.gate import Run
from evaluations.models import Evaluation, TestCase
from prompts.models import PromptVersion
from pvc.crypto import sha256_hex

#: The digest of no test cases at all: that of the empty text.
NO_CASES = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def runs_of(versions: Iterable[PromptVersion]) -> dict[UUID, list[Run]]:
    """What counts for each of these versions, by the version's id; as many queries for all as for one."""
    contents = {version.pk: (version.prompt_id, version.digest) for version in versions}
    found: dict[tuple[UUID, str], list[Run]] = {content: [] for content in contents.values()}
    newest = newest_on(found)
    prompts = {row.prompt_id for row in newest if row.kind == Evaluation.BUILT_IN}
    sets = cases_digests(prompts) if prompts else {}
    for row in newest:
        found[row.prompt_id, row.digest].append(_run(row, sets.get(row.prompt_id, NO_CASES)))
    return {pk: found[content] for pk, content in contents.items()}  # two versions may have the same content


def newest_on(contents: Collection[tuple[UUID, str]]) -> list[Evaluation]:
    """The newest run of each harness on each content, given as prompt and digest."""
    prompts, digests = {prompt for prompt, _ in contents}, {digest for _, digest in contents}
    rows = Evaluation.objects.filter(prompt__in=prompts, digest__in=digests).newest_by_harness()
    return [row for row in rows if (row.prompt_id, row.digest) in contents]


def cases_digests(prompts: Iterable[UUID]) -> dict[UUID, str]:
    """The digest of each prompt's set of test cases: hex SHA-256 of those of the cases, in the order of their names.

    Computed in the database, so that nothing of the cases crosses over; a prompt without any is not in it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT prompt_id, encode(sha256(string_agg(digest, '' ORDER BY name COLLATE "C")::bytea), 'hex')
            FROM evaluations_testcase WHERE prompt_id = ANY(%s) GROUP BY prompt_id
            """,
            [list(prompts)],
        )
        return dict(cursor.fetchall())


def digest_of(cases: Iterable[TestCase]) -> str:
    """The same of cases that were read."""
    digests = (case.digest for case in sorted(cases, key=lambda each: each.name))
    return sha256_hex("".join(digests).encode())


def _run(row: Evaluation, present_cases: str) -> Run:
    ran = row.kind == Evaluation.BUILT_IN and row.status in (Evaluation.PASSED, Evaluation.FAILED)
    is_outdated = ran and row.cases_digest != present_cases
    return Run(row.pk, row.harness, row.sequence, row.status, row.score, row.completed_at, is_outdated)
