"""What Django cannot declare: an evaluation is of the content of a version of its prompt, and what has ended stays so."""

from django.db import migrations

from pvc.grants import app_role, append_only, foreign_key, refuse

FOREIGN_KEYS = [
    ("test_case_of_its_prompt", "evaluations_testcase", "tenant_id, prompt_id", "prompts_prompt", "tenant_id, id"),
    (
        "evaluation_of_its_content",
        "evaluations_evaluation",
        "tenant_id, prompt_id, version_id, digest",
        "prompts_promptversion",
        "tenant_id, prompt_id, id, digest",
    ),
    (
        "report_of_its_evaluation",
        "evaluations_casereport",
        "tenant_id, evaluation_id",
        "evaluations_evaluation",
        "tenant_id, id",
    ),
    (
        "receipt_of_its_evaluation",
        "evaluations_callbackreceipt",
        "tenant_id, evaluation_id",
        "evaluations_evaluation",
        "tenant_id, id",
    ),
]

FINAL = f"""
    CREATE FUNCTION evaluations_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.status IN ('passed', 'failed', 'error')
            OR (NEW.id, NEW.tenant_id, NEW.prompt_id, NEW.version_id, NEW.digest, NEW.harness, NEW.kind, NEW.sequence,
                NEW.created_at)
            IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.prompt_id, OLD.version_id, OLD.digest, OLD.harness, OLD.kind,
                OLD.sequence, OLD.created_at) THEN
            {refuse("finished_evaluations_are_final")}
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER finished_evaluations_are_final BEFORE UPDATE ON evaluations_evaluation
        FOR EACH ROW EXECUTE FUNCTION evaluations_guard();
    ALTER TABLE evaluations_evaluation ENABLE ALWAYS TRIGGER finished_evaluations_are_final;
    CREATE TRIGGER evaluations_are_not_deleted BEFORE DELETE OR TRUNCATE ON evaluations_evaluation
        FOR EACH STATEMENT EXECUTE FUNCTION pvc_refuse('evaluations_are_not_deleted');
    ALTER TABLE evaluations_evaluation ENABLE ALWAYS TRIGGER evaluations_are_not_deleted;
    REVOKE DELETE, TRUNCATE ON evaluations_evaluation FROM {app_role()};
    REVOKE UPDATE, TRUNCATE ON evaluations_callbackreceipt FROM {app_role()};
"""


class Migration(migrations.Migration):
    dependencies = [("evaluations", "0001_initial"), ("prompts", "0009_prompt_within_tenant")]

    operations = [
        migrations.RunSQL("".join(foreign_key(*each) for each in FOREIGN_KEYS), migrations.RunSQL.noop),
        migrations.RunSQL(FINAL, migrations.RunSQL.noop),
        migrations.RunSQL(
            append_only("evaluations_casereport", "case_reports_are_append_only"), migrations.RunSQL.noop
        ),
    ]
