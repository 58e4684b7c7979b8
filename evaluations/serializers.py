"""The vocabulary of evaluations: camelCase, as the registry surface speaks."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from evaluations.assertions import LONGEST_PATTERN, LONGEST_TEXT, MOST_ASSERTIONS, TYPES
from evaluations.models import (
    BUILTIN,
    DEFAULT,
    HARNESS_NAME,
    LONGEST_NAME,
    LONGEST_TIMEOUT,
    Evaluation,
    Harness,
    TestCase,
)
from prompts.policy import MOST_TOKENS
from prompts.serializers import FreeObject, Shape
from pvc.api import Form, Id, JSONObject, Moment, RowSerializer, Text
from pvc.standard_webhooks import SECRET_LENGTHS

# ----------------------------------------------------------------------------- shapes of the document


def _assertion(type_: str, value: Shape | None) -> Shape:
    properties: dict[str, Shape] = {"type": {"type": "string", "const": type_}, "value": value or {"type": "null"}}
    required = ["type"] if value is None else ["type", "value"]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_TEXT: Shape = {"type": "string", "maxLength": LONGEST_TEXT}
_PART: Shape = {**_TEXT, "minLength": 1}
_PATTERN: Shape = {"type": "string", "minLength": 1, "maxLength": LONGEST_PATTERN, "format": "re2"}
_TOKENS: Shape = {"type": "integer", "minimum": 1, "maximum": MOST_TOKENS}
_VALUES: dict[str, Shape | None] = {
    "equals": _TEXT,
    "contains": _PART,
    "not_contains": _PART,
    "regex": _PATTERN,
    "max_tokens": _TOKENS,
}


@extend_schema_field(
    {
        "type": "string",
        "pattern": f"^{HARNESS_NAME}$",
        "not": {"anyOf": [{"enum": [BUILTIN, DEFAULT]}, {"format": "uuid"}]},
    }
)
class HarnessName(Text):
    """A name for a harness to be registered."""


@extend_schema_field(
    {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_ASSERTIONS,
        "items": {"oneOf": [_assertion(type_, _VALUES.get(type_)) for type_ in TYPES]},
        "description": "What has to hold of the rendered text. `regex` is in RE2's syntax, and matches anywhere.",
    },
    component_name="Assertions",
)
class Assertions(serializers.JSONField):
    """Assertions; what fits each type is for evaluations/assertions.py to say."""


@extend_schema_field(
    {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "passed": {"type": "boolean"},
                "faults": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "type": {"type": "string", "description": "Of the assertion; or `render`."},
                            "index": {"type": ["integer", "null"], "description": "Which one of the case's."},
                            "message": {"type": "string"},
                        },
                        "required": ["type", "index", "message"],
                        "additionalProperties": False,
                    },
                },
                "tokens": {"type": "integer", "minimum": 0},
                "milliseconds": {"type": "number", "minimum": 0},
            },
            "required": ["name", "passed", "faults", "tokens", "milliseconds"],
            "additionalProperties": False,
        },
        "description": "Of the built-in harness: what became of each test case, the failed ones first, a thousand at "
        "most.",
    },
    component_name="CaseResults",
)
class CaseResults(serializers.JSONField):
    """What became of each test case."""


# ----------------------------------------------------------------------------- in
class EvaluationRequest(Form):
    """What is to be evaluated, and by which harness."""

    versionId = Id(help_text="A sealed version.")
    harnessId = Text(
        max_length=LONGEST_NAME,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="`builtin`, or a harness's name or id. Without it, or `default`: what the namespace says.",
    )


class NewHarness(Form):
    """A server that evaluates when it is asked to."""

    name = HarnessName(max_length=LONGEST_NAME, help_text="Unique, and fixed; not `builtin` or `default`.")
    url = Text(max_length=2_000, help_text="Called with POST. Public addresses only.")
    secret = Text(
        min_length=SECRET_LENGTHS.start,
        max_length=SECRET_LENGTHS[-1],
        help_text="What both sides sign with; never shown again. `whsec_` and base64, or any text.",
    )
    timeoutSeconds = serializers.IntegerField(
        source="timeout_seconds",
        min_value=1,
        max_value=LONGEST_TIMEOUT,
        required=False,
        help_text="How long it may take to report; 300 if absent.",
    )


class HarnessChanges(Form):
    """What is to change; the rest stays."""

    url = Text(max_length=2_000, required=False)
    secret = Text(min_length=SECRET_LENGTHS.start, max_length=SECRET_LENGTHS[-1], required=False)
    timeoutSeconds = serializers.IntegerField(
        source="timeout_seconds", min_value=1, max_value=LONGEST_TIMEOUT, required=False
    )

    schema_more: ClassVar = {
        "properties": {
            name: {"description": "Fixed; left out, or with the value it has."}
            for name in ("id", "projectId", "name", "createdAt", "updatedAt")
        }
    }


class NewTestCase(Form):
    """A test case to be written."""

    name = Text(max_length=200, help_text="Unique among the prompt's.")
    variables = JSONObject(required=False, help_text="Values by name; declared defaults stand in for absent ones.")
    assertions = Assertions()


class TestCaseChanges(Form):
    """What is to change; the rest stays."""

    name = Text(max_length=200, required=False)
    variables = JSONObject(required=False)
    assertions = Assertions(required=False)

    schema_more: ClassVar = {
        "properties": {
            name: {"description": "Fixed; left out, or with the value it has."}
            for name in ("id", "promptId", "createdAt", "updatedAt")
        }
    }


class ReportForm(Form):
    """How an evaluation ended, as its harness says. Other names are left aside."""

    evaluationId = Id(help_text="The one in the query.")
    status = serializers.ChoiceField(["passed", "failed", "error"])
    score = serializers.FloatField(min_value=0, max_value=1, required=False, allow_null=True)
    metrics = JSONObject(required=False, help_text="Whatever else the harness has to say.")
    digest = Text(required=False, allow_null=True, help_text="That of the content; refused if it is another.")
    harnessId = Text(required=False, allow_null=True, help_text="Its name; refused if it is another.")


# ----------------------------------------------------------------------------- out
class HarnessOut(RowSerializer[Harness]):
    """A server that evaluates; its secret is never shown."""

    projectId = serializers.UUIDField(source="tenant_id", read_only=True)
    timeoutSeconds = serializers.IntegerField(source="timeout_seconds", read_only=True)
    createdAt = Moment(source="created_at", read_only=True)
    updatedAt = Moment(source="updated_at", read_only=True)

    class Meta:
        model = Harness
        fields = ["id", "projectId", "name", "url", "timeoutSeconds", "createdAt", "updatedAt"]


class TestCaseOut(RowSerializer[TestCase]):
    """Values for a prompt's variables, and what has to hold of the text that they give."""

    promptId = serializers.UUIDField(source="prompt_id", read_only=True)
    variables = FreeObject(read_only=True)
    assertions = Assertions(read_only=True)
    createdAt = Moment(source="created_at", read_only=True)
    updatedAt = Moment(source="updated_at", read_only=True)

    class Meta:
        model = TestCase
        fields = ["id", "promptId", "name", "variables", "assertions", "createdAt", "updatedAt"]


class EvaluationOut(RowSerializer[Evaluation]):
    """One run of a harness on one content."""

    versionId = serializers.UUIDField(source="version_id", read_only=True)
    harnessId = serializers.CharField(source="harness", read_only=True)
    metrics = FreeObject(read_only=True)
    startedAt = Moment(source="started_at", read_only=True, allow_null=True)
    completedAt = Moment(source="completed_at", read_only=True, allow_null=True)
    createdAt = Moment(source="created_at", read_only=True)

    schema_more: ClassVar = {
        "properties": {
            "harnessId": {"description": "The harness's name."},
            "score": {"minimum": 0, "maximum": 1},
            "metrics": {"description": "What the harness has to say; of an `error`, its code under `error`."},
            "digest": {"pattern": "^[0-9a-f]{64}$"},
        }
    }

    class Meta:
        model = Evaluation
        fields = [
            *("id", "versionId", "digest", "harnessId", "status", "score", "metrics"),
            *("startedAt", "completedAt", "createdAt"),
        ]


class EvaluationInFull(EvaluationOut):
    """One run, with what became of each test case."""

    results = CaseResults(read_only=True, allow_null=True)

    class Meta(EvaluationOut.Meta):
        fields = [*EvaluationOut.Meta.fields, "results"]


def in_full(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as it is answered alone."""
    report = getattr(evaluation, "report", None)
    results = sorted(report.cases, key=lambda each: each["passed"])[:1_000] if report else None
    return {**EvaluationOut(evaluation).data, "results": results}
