"""What Django cannot declare: production points at what other people approved, whoever writes the row."""

from django.db import migrations

from pvc.grants import app_role, foreign_key, refuse, trigger

FOREIGN_KEYS = [
    (
        "approval_of_a_version_and_its_content",
        "prompts_approval",
        "tenant_id, prompt_id, version_id, digest, author_id",
        "prompts_promptversion",
        "tenant_id, prompt_id, id, digest, author_id",
    ),
    (
        "approval_spent_by_its_prompt",
        "prompts_approval",
        "tenant_id, prompt_id, spent_by_id",
        "prompts_tagmove",
        "tenant_id, prompt_id, id",
    ),
    ("target_in_tenant", "prompts_preprodtarget", "tenant_id, version_id", "prompts_promptversion", "tenant_id, id"),
    ("policy_change_in_tenant", "prompts_policychange", "tenant_id, namespace_id", "prompts_namespace", "tenant_id, id"),
]


# A tag moves with the newest entry of its history. Production asks, besides, what the policy of the namespace asks:
# its row is held FOR SHARE, so that no policy can change between the question and the move.
TAGS = f"""
    CREATE FUNCTION prompts_approvals_of(wanted_version uuid, wanted_digest text, only_open boolean) RETURNS bigint
    LANGUAGE sql STABLE AS $$
        SELECT count(DISTINCT a.decided_by_id) FROM prompts_approval a
        WHERE a.version_id = wanted_version AND a.digest = wanted_digest AND a.kind = 'review' AND a.approved
            AND a.voided_at IS NULL AND (a.spent_by_id IS NULL OR NOT only_open)
            AND NOT EXISTS (
                SELECT 1 FROM prompts_contributor c WHERE c.version_id = a.version_id AND c.user_id = a.decided_by_id
            )
    $$;

    CREATE FUNCTION prompts_guard_tags() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        last_move prompts_tagmove;
        required int;
    BEGIN
        IF TG_OP = 'UPDATE' AND (NEW.id, NEW.tenant_id, NEW.prompt_id, NEW.name, NEW.created_at)
            IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.prompt_id, OLD.name, OLD.created_at) THEN
            {refuse("tag_identity_is_fixed")}
        END IF;
        IF TG_OP = 'DELETE' THEN
            SELECT * INTO last_move FROM prompts_tagmove
                WHERE prompt_id = OLD.prompt_id AND tag = OLD.name ORDER BY number DESC LIMIT 1;
            IF last_move.id IS NULL OR last_move.new_id IS NOT NULL THEN
                {refuse("tags_move_by_their_history")}
            END IF;
            RETURN OLD;
        END IF;

        SELECT * INTO last_move FROM prompts_tagmove
            WHERE prompt_id = NEW.prompt_id AND tag = NEW.name ORDER BY number DESC LIMIT 1;
        IF (last_move.number, last_move.new_id, last_move.tenant_id)
            IS DISTINCT FROM (NEW.revision, NEW.version_id, NEW.tenant_id) THEN
            {refuse("tags_move_by_their_history")}
        END IF;
        IF NEW.name <> 'production'
            OR (TG_OP = 'UPDATE' AND (NEW.version_id, NEW.digest) = (OLD.version_id, OLD.digest)) THEN
            RETURN NEW;
        END IF;

        PERFORM 1 FROM prompts_namespace n JOIN prompts_prompt p ON p.namespace_id = n.id
            WHERE p.id = NEW.prompt_id FOR SHARE OF n;
        SELECT y.required_approvals INTO required FROM prompts_namespacepolicy y
            JOIN prompts_prompt p ON p.namespace_id = y.namespace_id
            WHERE p.id = NEW.prompt_id ORDER BY y.number DESC LIMIT 1;
        IF required = 0 THEN
            RETURN NEW;
        END IF;
        IF last_move.kind = 'override' THEN
            IF NOT EXISTS (
                SELECT 1 FROM prompts_approval a WHERE a.spent_by_id = last_move.id AND a.kind = 'override'
                    AND a.version_id = NEW.version_id AND a.digest = NEW.digest
                    AND char_length(regexp_replace(a.comment, '^\\s+|\\s+$', '', 'g')) >= 10
            ) THEN
                {refuse("production_is_approved")}
            END IF;
        ELSIF last_move.kind = 'rollback' THEN
            IF required IS NULL OR prompts_approvals_of(NEW.version_id, NEW.digest, false) < required OR NOT EXISTS (
                SELECT 1 FROM prompts_tagmove m WHERE m.prompt_id = NEW.prompt_id AND m.tag = NEW.name
                    AND m.new_id = NEW.version_id AND m.number < NEW.revision
            ) THEN
                {refuse("production_is_approved")}
            END IF;
        ELSIF required IS NULL OR prompts_approvals_of(NEW.version_id, NEW.digest, true) < required THEN
            {refuse("production_is_approved")}
        ELSE
            UPDATE prompts_approval SET spent_by_id = last_move.id
                WHERE version_id = NEW.version_id AND kind = 'review' AND approved
                    AND spent_by_id IS NULL AND voided_at IS NULL;
        END IF;
        RETURN NEW;
    END $$;
    {trigger("production_is_approved", "AFTER INSERT OR UPDATE OR DELETE", "prompts_tag", "prompts_guard_tags()")}
    {trigger("tags_are_not_truncated", "BEFORE TRUNCATE", "prompts_tag", "pvc_refuse('tags_are_not_truncated')", "STATEMENT")}
"""

# Who decides: an active person of the tenant who had no hand in the version, nor was brought in by somebody who had.
APPROVALS = f"""
    CREATE FUNCTION prompts_check_approval() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM prompts_promptversion WHERE id = NEW.version_id AND sealed_at IS NOT NULL) THEN
            {refuse("approvals_are_of_sealed_versions")}
        END IF;
        IF NEW.kind = 'review' AND (NEW.spent_by_id IS NOT NULL OR NEW.voided_at IS NOT NULL) THEN
            {refuse("approvals_are_kept")}
        END IF;
        IF NOT EXISTS (
            SELECT 1 FROM tenants_user u WHERE u.id = NEW.decided_by_id AND u.tenant_id = NEW.tenant_id AND u.is_active
                AND NOT u.is_service AND (NEW.kind = 'override' OR NOT EXISTS (
                    SELECT 1 FROM prompts_contributor c
                        WHERE c.version_id = NEW.version_id AND c.user_id IN (u.id, u.created_by_id)
                ))
        ) THEN
            {refuse("approvals_are_by_other_people")}
        END IF;
        RETURN NEW;
    END $$;
    {trigger("approvals_are_by_other_people", "BEFORE INSERT", "prompts_approval", "prompts_check_approval()")}

    CREATE FUNCTION prompts_keep_approvals() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' OR OLD.spent_by_id IS NOT NULL OR OLD.voided_at IS NOT NULL
            OR num_nonnulls(NEW.spent_by_id, NEW.voided_at) <> 1
            OR (to_jsonb(NEW) - 'spent_by_id' - 'voided_at') <> (to_jsonb(OLD) - 'spent_by_id' - 'voided_at') THEN
            {refuse("approvals_are_kept")}
        END IF;
        RETURN NEW;
    END $$;
    {trigger("approvals_are_kept", "BEFORE UPDATE OR DELETE", "prompts_approval", "prompts_keep_approvals()")}
    {trigger("approvals_are_not_truncated", "BEFORE TRUNCATE", "prompts_approval", "pvc_refuse('approvals_are_not_truncated')", "STATEMENT")}
    REVOKE DELETE, TRUNCATE ON prompts_approval FROM {app_role()};
"""

# A policy row follows the newest one. One that asks for less takes two people, where approvals are required.
POLICIES = f"""
    CREATE FUNCTION prompts_evaluation_strictness(policy jsonb) RETURNS int LANGUAGE sql IMMUTABLE AS $$
        SELECT CASE policy ->> 'mode' WHEN 'off' THEN 0 WHEN 'block_failures' THEN 1 WHEN 'require_pass' THEN 2 END
    $$;

    CREATE FUNCTION prompts_check_policy() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        present prompts_namespacepolicy;
        was jsonb;
        becomes jsonb := NEW.evaluation_policy;
        is_as_strict boolean;
    BEGIN
        SELECT * INTO present FROM prompts_namespacepolicy
            WHERE namespace_id = NEW.namespace_id ORDER BY number DESC LIMIT 1;
        IF NEW.number <> coalesce(present.number, 0) + 1 THEN
            {refuse("policies_follow_each_other")}
        END IF;
        IF coalesce(present.required_approvals, 0) = 0 THEN
            RETURN NEW;
        END IF;
        was := present.evaluation_policy;
        is_as_strict := NEW.required_approvals >= present.required_approvals
            AND present.custom_tags @> NEW.custom_tags
            AND prompts_evaluation_strictness(becomes) >= prompts_evaluation_strictness(was)
            AND (becomes ->> 'threshold')::float8 >= (was ->> 'threshold')::float8
            AND (becomes -> 'harnesses') @> (was -> 'harnesses')
            AND (was ->> 'max_age_hours' IS NULL
                OR coalesce((becomes ->> 'max_age_hours')::float8 <= (was ->> 'max_age_hours')::float8, false));
        IF is_as_strict THEN
            RETURN NEW;
        END IF;
        IF NEW.changed_by_id IS NULL OR NEW.approved_by_id IS NULL OR NEW.changed_by_id = NEW.approved_by_id
            OR NOT EXISTS (
                SELECT 1 FROM prompts_policychange c WHERE c.namespace_id = NEW.namespace_id AND c.approved
                    AND c.requested_by_id = NEW.changed_by_id AND c.decided_by_id = NEW.approved_by_id
                    AND c.decided_at >= present.created_at
                    AND (NEW.required_approvals >= present.required_approvals
                        OR c.changes -> 'required_approvals' = to_jsonb(NEW.required_approvals))
                    AND (present.custom_tags @> NEW.custom_tags
                        OR c.changes -> 'custom_tags' = to_jsonb(NEW.custom_tags))
                    AND (becomes = was OR becomes @> (c.changes -> 'evaluation_policy'))
            ) THEN
            {refuse("weaker_policies_have_four_eyes")}
        END IF;
        RETURN NEW;
    END $$;
    {trigger("weaker_policies_have_four_eyes", "BEFORE INSERT", "prompts_namespacepolicy", "prompts_check_policy()")}

    CREATE FUNCTION prompts_check_policy_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT 1 FROM tenants_user u WHERE u.id = NEW.requested_by_id AND u.tenant_id = NEW.tenant_id
        ) OR (NEW.decided_by_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM tenants_user u WHERE u.id = NEW.decided_by_id AND u.tenant_id = NEW.tenant_id
                AND u.is_active AND NOT u.is_service AND u.created_by_id IS DISTINCT FROM NEW.requested_by_id
        )) THEN
            {refuse("policy_changes_are_decided_by_others")}
        END IF;
        RETURN NEW;
    END $$;
    {trigger("policy_changes_are_decided_by_others", "BEFORE INSERT OR UPDATE", "prompts_policychange", "prompts_check_policy_change()")}
    {trigger("policy_changes_are_not_truncated", "BEFORE TRUNCATE", "prompts_policychange", "pvc_refuse('policy_changes_are_not_truncated')", "STATEMENT")}

    CREATE FUNCTION prompts_keep_policy_changes() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' OR OLD.decided_at IS NOT NULL
            OR (NEW.id, NEW.tenant_id, NEW.namespace_id, NEW.changes, NEW.requested_by_id, NEW.requested_at)
            IS DISTINCT FROM
            (OLD.id, OLD.tenant_id, OLD.namespace_id, OLD.changes, OLD.requested_by_id, OLD.requested_at) THEN
            {refuse("decided_changes_are_final")}
        END IF;
        RETURN NEW;
    END $$;
    {trigger("decided_changes_are_final", "BEFORE UPDATE OR DELETE", "prompts_policychange", "prompts_keep_policy_changes()")}
    REVOKE DELETE, TRUNCATE ON prompts_policychange FROM {app_role()};
"""


class Migration(migrations.Migration):
    dependencies = [("prompts", "0003_decisions")]

    operations = [
        migrations.RunSQL("".join(foreign_key(*each) for each in FOREIGN_KEYS), migrations.RunSQL.noop),
        migrations.RunSQL(TAGS, migrations.RunSQL.noop),
        migrations.RunSQL(APPROVALS, migrations.RunSQL.noop),
        migrations.RunSQL(POLICIES, migrations.RunSQL.noop),
    ]
