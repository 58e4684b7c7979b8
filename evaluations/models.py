"""Is it good: the harnesses that say so, the test cases that are asserted here, and every run of either."""

from typing import Final, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from prompts.models import Prompt, PromptVersion
from pvc.crypto import ExactDecoder, opened, sealed
from pvc.errors import Conflict, Invalid, Unauthorized, name_constraint
from pvc.ids import new_id
from pvc.standard_webhooks import Secret
from tenants.models import Actor, Tenant, User

#: The harness that is always there: test cases, rendered and asserted by a worker.
BUILTIN: Final = "builtin"
#: What is asked for where nothing is named, and no namespace says what that means.
DEFAULT: Final = "default"
LONGEST_NAME: Final = 100
#: Of a registered one. A policy may name others, which report without being called.
HARNESS_NAME: Final = "[A-Za-z0-9][A-Za-z0-9 ._:/-]{0,99}"
LONGEST_TIMEOUT: Final = 86_400  # seconds


class HarnessQuerySet(models.QuerySet["Harness"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(tenant=actor.tenant)


class Harness(models.Model):
    """A server that evaluates when it is asked to, and reports back signed with its own secret."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=LONGEST_NAME)
    url = models.CharField(max_length=2_000)
    #: As `pvc.crypto.sealed` left it: no answer, log or dump has it in the clear.
    sealed_secret = models.TextField()
    timeout_seconds = models.IntegerField(default=300)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = HarnessQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "harnesses"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="one_harness_per_name"),
            models.CheckConstraint(condition=~Q(name__in=[BUILTIN, DEFAULT]), name="harness_names_are_not_reserved"),
            models.CheckConstraint(condition=Q(name__regex=f"^{HARNESS_NAME}$"), name="harness_name_is_plain"),
            models.CheckConstraint(
                condition=Q(timeout_seconds__range=(1, LONGEST_TIMEOUT)), name="harnesses_have_a_time_limit"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="harnesses_newest_first")]

    def __str__(self) -> str:
        return self.name

    @property
    def secret(self) -> Secret:
        """What it signs with, and is signed for."""
        return Secret(opened(self.sealed_secret, bound_to=f"harness {self.pk}"))

    def keep(self, secret: str) -> None:
        """Take a secret; the caller saves `sealed_secret`."""
        self.sealed_secret = sealed(secret, bound_to=f"harness {self.pk}")


class TestCaseQuerySet(models.QuerySet["TestCase"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(tenant=actor.tenant)


class TestCase(models.Model):
    """Values for a prompt's variables, and what has to hold of the prompt rendered with them."""

    __test__ = False  # no test of ours, whatever collects them by name

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="test_cases", db_constraint=False)
    name = models.CharField(max_length=200)
    variables = models.JSONField(default=dict, decoder=ExactDecoder)
    assertions = models.JSONField(decoder=ExactDecoder)
    #: Hex SHA-256 of what it holds: what the digest of a set of cases is made of.
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = TestCaseQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prompt", "name"], name="one_test_case_per_name")]
        indexes = [models.Index(fields=["tenant", "prompt", "-id"], name="test_cases_newest_first")]

    def __str__(self) -> str:
        return self.name


class EvaluationQuerySet(models.QuerySet["Evaluation"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(tenant=actor.tenant)

    def newest_by_harness(self) -> Self:
        """The last run of each harness on each content, by the order in which they were asked for."""
        columns = ("tenant", "prompt", "digest", "harness")
        return self.order_by(*columns, "-sequence").distinct(*columns)


class Evaluation(models.Model):
    """One run of a harness on one content. The row is the queue: a worker takes it when it is due."""

    PENDING, RUNNING, PASSED, FAILED, ERROR = "pending", "running", "passed", "failed", "error"
    STATUSES: Final = (PENDING, RUNNING, PASSED, FAILED, ERROR)
    FINISHED: Final = frozenset({PASSED, FAILED, ERROR})
    #: Who does it: a worker here; a registered harness that is called; somebody who reports without being called.
    BUILT_IN, CALLED, REPORTED = "builtin", "called", "reported"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="evaluations", db_constraint=False)
    version = models.ForeignKey(
        PromptVersion, on_delete=models.PROTECT, related_name="evaluations", db_constraint=False
    )
    digest = models.CharField(max_length=64)
    harness = models.CharField(max_length=LONGEST_NAME)
    kind = models.CharField(max_length=8, choices=[(each, each) for each in (BUILT_IN, CALLED, REPORTED)])
    #: Rises with every run of a prompt: which of two runs is the newer is decided when they are asked for.
    sequence = models.BigIntegerField()
    status = models.CharField(max_length=7, choices=[(each, each) for each in STATUSES], default=PENDING)
    score = models.FloatField(null=True)
    metrics = models.JSONField(default=dict, decoder=ExactDecoder)
    #: The digest of the set of test cases that it was run with.
    cases_digest = models.CharField(max_length=64, blank=True, default="")
    triggered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    #: When a worker may take it, by the database's clock: now, at the end of another's lease, or when its time is over.
    due_at = models.DateTimeField(null=True)
    #: Rises each time that a worker takes it: what an earlier one brings is refused.
    token = models.IntegerField(default=0)
    #: How many workers have taken it and not come back.
    claims = models.SmallIntegerField(default=0)
    #: When the harness took the call, and its time began.
    called_at = models.DateTimeField(null=True)

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["prompt", "sequence"], name="one_evaluation_per_sequence"),
            # The target of the foreign keys that hold to an evaluation what is about it.
            models.UniqueConstraint(fields=["tenant", "id"], name="evaluation_within_tenant"),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "running", "passed", "failed", "error"]),
                name="evaluation_status_is_known",
            ),
            models.CheckConstraint(
                condition=Q(score__isnull=True) | Q(score__gte=0, score__lte=1), name="scores_between_0_and_1"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "running"], completed_at__isnull=True, due_at__isnull=False)
                | Q(status__in=["passed", "failed", "error"], completed_at__isnull=False, due_at__isnull=True),
                name="unfinished_evaluations_are_due",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "version", "-id"], name="evaluations_newest_first"),
            models.Index(
                fields=["tenant", "prompt", "digest", "harness", "-sequence"], name="evaluations_of_a_content"
            ),
            models.Index(fields=["due_at"], name="evaluations_that_are_due", condition=Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.harness} on {self.version_id}"

    @property
    def is_finished(self) -> bool:
        return self.status in self.FINISHED

    def locked(self) -> "Evaluation":
        """This row, read again under a lock that lasts until the unit ends; the prompt is locked before."""
        return Evaluation.objects.select_for_update(no_key=True).get(pk=self.pk)


class CaseReport(models.Model):
    """What became of each test case of a finished run: kept apart, since a gate never reads it."""

    evaluation = models.OneToOneField(
        Evaluation, on_delete=models.PROTECT, primary_key=True, related_name="report", db_constraint=False
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    #: `{name, passed, faults, tokens, milliseconds}` of each case, by name.
    cases = models.JSONField(decoder=ExactDecoder)

    def __str__(self) -> str:
        return f"report of {self.evaluation_id}"


class CallbackReceipt(models.Model):
    """A signed message that was taken: the same again changes nothing, its id on another is refused."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    evaluation = models.ForeignKey(Evaluation, on_delete=models.PROTECT, related_name="receipts", db_constraint=False)
    harness = models.CharField(max_length=LONGEST_NAME)
    webhook_id = models.CharField(max_length=255)
    body_sha256 = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "harness", "webhook_id"], name="one_receipt_per_webhook_id")
        ]
        indexes = [models.Index(fields=["created_at"], name="callback_receipts_by_age")]

    def __str__(self) -> str:
        return self.webhook_id


name_constraint("one_harness_per_name", Conflict("A harness of this name is registered already."))
name_constraint(
    "harness_names_are_not_reserved", Invalid.field("name", f"Use another name than {BUILTIN} and {DEFAULT}.")
)
PLAIN_NAME: Final = "Use letters, digits, spaces and . _ : / -, a letter or digit first; up to 100, and no id."
name_constraint("harness_name_is_plain", Invalid.field("name", PLAIN_NAME))
name_constraint(
    "harnesses_have_a_time_limit", Invalid.field("timeoutSeconds", f"Use a number from 1 to {LONGEST_TIMEOUT:,}.")
)
name_constraint("one_test_case_per_name", Conflict("This prompt has a test case of this name."))
name_constraint("test_case_of_its_prompt", Invalid("A test case and its prompt belong to one tenant."))
name_constraint("one_evaluation_per_sequence", Conflict("The prompt changed meanwhile; please try again."))
name_constraint("evaluation_within_tenant", Conflict("This evaluation exists already."))
name_constraint("evaluation_status_is_known", Invalid.field("status", "Use passed, failed or error."))
name_constraint("scores_between_0_and_1", Invalid.field("score", "A score is a number from 0 to 1."))
name_constraint("unfinished_evaluations_are_due", Conflict("An evaluation that is not finished is due at some time."))
name_constraint("evaluation_of_its_content", Conflict("An evaluation is of a version of its prompt, and its content."))
name_constraint("finished_evaluations_are_final", Conflict("This evaluation is finished, which is final."))
name_constraint("evaluations_are_not_deleted", Conflict("Evaluations are evidence, and are never deleted."))
#: Whatever is wrong with a harness's message, it hears the same.
REFUSED: Final = "The message is not signed as it has to be, or not about this evaluation."
name_constraint("one_receipt_per_webhook_id", Unauthorized(REFUSED))
name_constraint("report_of_its_evaluation", Conflict("A report is of an evaluation of its tenant."))
name_constraint("case_reports_are_append_only", Conflict("The report of an evaluation never changes."))
name_constraint("receipt_of_its_evaluation", Conflict("A receipt is of an evaluation of its tenant."))
