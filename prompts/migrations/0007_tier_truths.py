"""What Django cannot declare: a tier is its namespace's own, and a laxer one takes two people."""

from django.db import migrations

from pvc.grants import foreign_key, refuse

FOREIGN_KEYS = [
    ("tier_in_tenant", "prompts_budgettier", "tenant_id, namespace_id", "prompts_namespace", "tenant_id, id"),
    (
        "prompt_tier_of_its_namespace",
        "prompts_prompt",
        "tenant_id, namespace_id, tier_id",
        "prompts_budgettier",
        "tenant_id, namespace_id, id",
    ),
]

# A change that was agreed on is used once: the tier's `updated_at` is later than the decision from then on.
TIERS = f"""
    CREATE FUNCTION prompts_guard_tiers() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        required int;
        is_deleted boolean := TG_OP = 'DELETE';
    BEGIN
        IF NOT is_deleted AND (NEW.id, NEW.tenant_id, NEW.namespace_id, NEW.created_at)
            IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.namespace_id, OLD.created_at) THEN
            {refuse("tier_identity_is_fixed")}
        END IF;
        PERFORM 1 FROM prompts_namespace WHERE id = OLD.namespace_id FOR SHARE;
        SELECT y.required_approvals INTO required FROM prompts_namespacepolicy y
            WHERE y.namespace_id = OLD.namespace_id ORDER BY y.number DESC LIMIT 1;
        IF coalesce(required, 0) > 0
            AND (is_deleted OR NEW.max_tokens > OLD.max_tokens
                OR (OLD.enforcement = 'block' AND NEW.enforcement <> 'block') OR NEW.updated_at < OLD.updated_at)
            AND NOT EXISTS (
                SELECT 1 FROM prompts_policychange c WHERE c.namespace_id = OLD.namespace_id AND c.approved
                    AND c.decided_at > OLD.updated_at
                    AND CASE WHEN is_deleted THEN c.changes -> 'tiers' -> OLD.id::text = 'null'::jsonb
                        ELSE NEW.updated_at > c.decided_at
                            AND (NEW.max_tokens <= OLD.max_tokens
                                OR c.changes #> ARRAY['tiers', OLD.id::text, 'max_tokens'] = to_jsonb(NEW.max_tokens))
                            AND (NEW.enforcement = OLD.enforcement
                                OR c.changes #> ARRAY['tiers', OLD.id::text, 'enforcement'] = to_jsonb(NEW.enforcement))
                        END
            ) THEN
            {refuse("weaker_tiers_have_four_eyes")}
        END IF;
        IF is_deleted THEN
            RETURN OLD;
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER weaker_tiers_have_four_eyes BEFORE UPDATE OR DELETE ON prompts_budgettier
        FOR EACH ROW EXECUTE FUNCTION prompts_guard_tiers();
    ALTER TABLE prompts_budgettier ENABLE ALWAYS TRIGGER weaker_tiers_have_four_eyes;
    CREATE TRIGGER tiers_are_not_truncated BEFORE TRUNCATE ON prompts_budgettier
        FOR EACH STATEMENT EXECUTE FUNCTION pvc_refuse('tiers_are_not_truncated');
    ALTER TABLE prompts_budgettier ENABLE ALWAYS TRIGGER tiers_are_not_truncated;
"""


class Migration(migrations.Migration):
    dependencies = [("prompts", "0006_drafts_and_tiers")]

    operations = [
        migrations.RunSQL("".join(foreign_key(*each) for each in FOREIGN_KEYS), migrations.RunSQL.noop),
        migrations.RunSQL(TIERS, migrations.RunSQL.noop),
    ]
