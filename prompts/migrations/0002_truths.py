"""What Django cannot declare: nothing crosses tenants or prompts, and what is sealed stays."""

from django.db import migrations

from pvc.grants import append_only, foreign_key, refuse

FOREIGN_KEYS = [
    ("policy_in_tenant", "prompts_namespacepolicy", "tenant_id, namespace_id", "prompts_namespace", "tenant_id, id"),
    ("prompt_in_namespace", "prompts_prompt", "tenant_id, namespace_id", "prompts_namespace", "tenant_id, id"),
    (
        "prompt_head_is_its_version",
        "prompts_prompt",
        "tenant_id, id, head_id",
        "prompts_promptversion",
        "tenant_id, prompt_id, id",
    ),
    (
        "version_of_its_prompt",
        "prompts_promptversion",
        "tenant_id, prompt_id, type",
        "prompts_prompt",
        "tenant_id, id, type",
    ),
    (
        "version_base_of_its_prompt",
        "prompts_promptversion",
        "tenant_id, prompt_id, base_id",
        "prompts_promptversion",
        "tenant_id, prompt_id, id",
    ),
    ("contributor_in_tenant", "prompts_contributor", "tenant_id, version_id", "prompts_promptversion", "tenant_id, id"),
    (
        "tag_on_a_version_of_its_prompt",
        "prompts_tag",
        "tenant_id, prompt_id, version_id, digest",
        "prompts_promptversion",
        "tenant_id, prompt_id, id, digest",
    ),
    (
        "tag_move_of_its_prompt",
        "prompts_tagmove",
        "tenant_id, prompt_id, old_id",
        "prompts_promptversion",
        "tenant_id, prompt_id, id",
    ),
    (
        "tag_move_to_its_prompt",
        "prompts_tagmove",
        "tenant_id, prompt_id, new_id",
        "prompts_promptversion",
        "tenant_id, prompt_id, id",
    ),
]

CHECKS = """
    ALTER TABLE prompts_tagmove
        ADD CONSTRAINT tag_move_goes_somewhere CHECK (num_nonnulls(old_id, new_id) > 0);
    ALTER TABLE prompts_promptversion
        ADD CONSTRAINT version_text_has_its_length CHECK (char_length(body) BETWEEN 1 AND 100000),
        ADD CONSTRAINT checksum_is_of_the_text CHECK (checksum = encode(sha256(convert_to(body, 'UTF8')), 'hex'));
"""


TRIGGERS = f"""
    CREATE FUNCTION prompts_keep_versions() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.sealed_at IS NOT NULL THEN
            {refuse("sealed_versions_never_change")}
        END IF;
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        IF (NEW.id, NEW.tenant_id, NEW.prompt_id, NEW.number, NEW.author_id, NEW.created_at)
            IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.prompt_id, OLD.number, OLD.author_id, OLD.created_at) THEN
            {refuse("sealed_versions_never_change")}
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER sealed_versions_never_change BEFORE UPDATE OR DELETE ON prompts_promptversion
        FOR EACH ROW EXECUTE FUNCTION prompts_keep_versions();
    ALTER TABLE prompts_promptversion ENABLE ALWAYS TRIGGER sealed_versions_never_change;
    CREATE TRIGGER sealed_versions_are_not_truncated BEFORE TRUNCATE ON prompts_promptversion
        FOR EACH STATEMENT EXECUTE FUNCTION pvc_refuse('sealed_versions_are_not_truncated');
    ALTER TABLE prompts_promptversion ENABLE ALWAYS TRIGGER sealed_versions_are_not_truncated;

    CREATE FUNCTION prompts_keep_contributors() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' OR EXISTS (
            SELECT 1 FROM prompts_promptversion WHERE id = OLD.version_id AND sealed_at IS NOT NULL
        ) THEN
            {refuse("contributors_stay")}
        END IF;
        RETURN OLD;
    END $$;
    CREATE TRIGGER contributors_stay BEFORE UPDATE OR DELETE ON prompts_contributor
        FOR EACH ROW EXECUTE FUNCTION prompts_keep_contributors();
    ALTER TABLE prompts_contributor ENABLE ALWAYS TRIGGER contributors_stay;

    CREATE TRIGGER contributors_are_not_truncated BEFORE TRUNCATE ON prompts_contributor
        FOR EACH STATEMENT EXECUTE FUNCTION pvc_refuse('contributors_are_not_truncated');
    ALTER TABLE prompts_contributor ENABLE ALWAYS TRIGGER contributors_are_not_truncated;

    CREATE FUNCTION prompts_keep_prompt_identity() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (NEW.id, NEW.tenant_id, NEW.namespace_id, NEW.slug, NEW.type)
            IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.namespace_id, OLD.slug, OLD.type) THEN
            {refuse("prompt_identity_is_fixed")}
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER prompt_identity_is_fixed BEFORE UPDATE ON prompts_prompt
        FOR EACH ROW EXECUTE FUNCTION prompts_keep_prompt_identity();
    ALTER TABLE prompts_prompt ENABLE ALWAYS TRIGGER prompt_identity_is_fixed;

    CREATE FUNCTION prompts_keep_namespace_slug() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (NEW.id, NEW.tenant_id, NEW.slug) IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.slug) THEN
            {refuse("namespace_slug_is_fixed")}
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER namespace_slug_is_fixed BEFORE UPDATE ON prompts_namespace
        FOR EACH ROW EXECUTE FUNCTION prompts_keep_namespace_slug();
    ALTER TABLE prompts_namespace ENABLE ALWAYS TRIGGER namespace_slug_is_fixed;

    CREATE FUNCTION prompts_tag_sealed_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM prompts_promptversion WHERE id = NEW.version_id AND sealed_at IS NOT NULL) THEN
            {refuse("tags_point_at_sealed_versions")}
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER tags_point_at_sealed_versions BEFORE INSERT OR UPDATE ON prompts_tag
        FOR EACH ROW EXECUTE FUNCTION prompts_tag_sealed_only();
    ALTER TABLE prompts_tag ENABLE ALWAYS TRIGGER tags_point_at_sealed_versions;
"""


class Migration(migrations.Migration):
    dependencies = [("prompts", "0001_initial"), ("audit", "0002_append_only")]

    operations = [
        migrations.RunSQL("".join(foreign_key(*each) for each in FOREIGN_KEYS), migrations.RunSQL.noop),
        migrations.RunSQL(CHECKS, migrations.RunSQL.noop),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
        migrations.RunSQL(
            append_only("prompts_tagmove", "tag_moves_are_append_only")
            + append_only("prompts_namespacepolicy", "policies_are_append_only"),
            migrations.RunSQL.noop,
        ),
    ]
