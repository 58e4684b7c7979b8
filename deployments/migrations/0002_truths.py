"""What Django cannot declare: a deployment serves approved content of its own prompt, and its weights are whole."""

from django.db import migrations

from pvc.grants import app_role, foreign_key, refuse, trigger

FOREIGN_KEYS = [
    ("deployment_of_its_prompt", "deployments_deployment", "tenant_id, prompt_id", "prompts_prompt", "tenant_id, id"),
    (
        "variant_of_its_deployment",
        "deployments_variant",
        "tenant_id, deployment_id, prompt_id",
        "deployments_deployment",
        "tenant_id, id, prompt_id",
    ),
    (
        "variant_of_its_content",
        "deployments_variant",
        "tenant_id, prompt_id, version_id, digest",
        "prompts_promptversion",
        "tenant_id, prompt_id, id, digest",
    ),
]


DEPLOYMENTS = f"""
    CREATE FUNCTION deployments_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.status = 'archived' OR (NEW.id, NEW.tenant_id, NEW.prompt_id, NEW.created_at)
            IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.prompt_id, OLD.created_at) THEN
            {refuse("archived_deployments_are_final")}
        END IF;
        RETURN NEW;
    END $$;
    {trigger("archived_deployments_are_final", "BEFORE UPDATE", "deployments_deployment", "deployments_guard()")}
    {
        trigger(
            "deployments_are_not_deleted",
            "BEFORE DELETE OR TRUNCATE",
            "deployments_deployment",
            "pvc_refuse('deployments_are_not_deleted')",
            "STATEMENT",
        )
    }
    REVOKE DELETE, TRUNCATE ON deployments_deployment, deployments_variant FROM {app_role()};
    REVOKE UPDATE, TRUNCATE ON deployments_exposure FROM {app_role()};
"""

# Looked at when the unit of work ends: one variant after the other is written, and only all of them are whole.
WHOLE = f"""
    CREATE FUNCTION deployments_check_whole() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        checked uuid := CASE TG_TABLE_NAME WHEN 'deployments_deployment' THEN (to_jsonb(NEW) ->> 'id')::uuid
            ELSE (to_jsonb(NEW) ->> 'deployment_id')::uuid END;
        weights bigint;
        controls bigint;
    BEGIN
        SELECT coalesce(sum(weight), 0), count(*) FILTER (WHERE is_control) INTO weights, controls
            FROM deployments_variant WHERE deployment_id = checked AND retired_at IS NULL;
        IF weights <> 100 THEN
            {refuse("weights_sum_to_100")}
        END IF;
        IF controls <> 1 THEN
            {refuse("deployments_have_one_control")}
        END IF;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER deployments_are_whole AFTER INSERT ON deployments_deployment
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION deployments_check_whole();
    ALTER TABLE deployments_deployment ENABLE ALWAYS TRIGGER deployments_are_whole;
    CREATE CONSTRAINT TRIGGER weights_sum_to_100 AFTER INSERT OR UPDATE ON deployments_variant
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION deployments_check_whole();
    ALTER TABLE deployments_variant ENABLE ALWAYS TRIGGER weights_sum_to_100;
"""

# Asked when a variant comes, comes back, or gets more of the traffic, and when a deployment is switched on. As for the
# production tag, the namespace's row is held FOR SHARE, so that no policy changes between the question and the write.
APPROVED = f"""
    CREATE FUNCTION deployments_is_approved(prompt uuid, version uuid, content text) RETURNS boolean
    LANGUAGE plpgsql AS $$
    DECLARE
        required int;
    BEGIN
        PERFORM 1 FROM prompts_namespace n JOIN prompts_prompt p ON p.namespace_id = n.id
            WHERE p.id = prompt FOR SHARE OF n;
        SELECT y.required_approvals INTO required FROM prompts_namespacepolicy y
            JOIN prompts_prompt p ON p.namespace_id = y.namespace_id
            WHERE p.id = prompt ORDER BY y.number DESC LIMIT 1;
        RETURN coalesce(required = 0, false) OR coalesce(prompts_approvals_of(version, content, false) >= required, false);
    END $$;

    CREATE FUNCTION deployments_check_variant() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF (NEW.id, NEW.tenant_id, NEW.prompt_id, NEW.deployment_id, NEW.version_id, NEW.digest, NEW.created_at)
                IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.prompt_id, OLD.deployment_id, OLD.version_id, OLD.digest,
                    OLD.created_at) THEN
                {refuse("variant_identity_is_fixed")}
            END IF;
            IF NEW.retired_at IS NOT NULL OR (OLD.retired_at IS NULL AND NEW.weight <= OLD.weight) THEN
                RETURN NEW;
            END IF;
        END IF;
        IF NOT EXISTS (SELECT 1 FROM prompts_promptversion WHERE id = NEW.version_id AND sealed_at IS NOT NULL) THEN
            {refuse("variants_are_of_sealed_versions")}
        END IF;
        IF NOT deployments_is_approved(NEW.prompt_id, NEW.version_id, NEW.digest) THEN
            {refuse("variants_are_approved")}
        END IF;
        RETURN NEW;
    END $$;
    {
        trigger(
            "variants_are_approved", "BEFORE INSERT OR UPDATE", "deployments_variant", "deployments_check_variant()"
        )
    }
    {
        trigger(
            "variants_are_not_deleted",
            "BEFORE DELETE OR TRUNCATE",
            "deployments_variant",
            "pvc_refuse('variants_are_not_deleted')",
            "STATEMENT",
        )
    }

    CREATE FUNCTION deployments_check_switched_on() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT (
            SELECT bool_and(deployments_is_approved(v.prompt_id, v.version_id, v.digest)) FROM deployments_variant v
                WHERE v.deployment_id = NEW.id AND v.retired_at IS NULL
        ) THEN
            {refuse("switched_on_as_approved")}
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER switched_on_as_approved BEFORE UPDATE ON deployments_deployment FOR EACH ROW
        WHEN (OLD.status <> 'active' AND NEW.status = 'active') EXECUTE FUNCTION deployments_check_switched_on();
    ALTER TABLE deployments_deployment ENABLE ALWAYS TRIGGER switched_on_as_approved;
"""


class Migration(migrations.Migration):
    dependencies = [("deployments", "0001_initial"), ("prompts", "0009_prompt_within_tenant")]

    operations = [
        migrations.RunSQL("".join(foreign_key(*each) for each in FOREIGN_KEYS), migrations.RunSQL.noop),
        migrations.RunSQL(DEPLOYMENTS, migrations.RunSQL.noop),
        migrations.RunSQL(WHOLE, migrations.RunSQL.noop),
        migrations.RunSQL(APPROVED, migrations.RunSQL.noop),
    ]
