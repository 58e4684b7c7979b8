"""The audit log can be added to and read; the function that refuses the rest, for other tables too."""

from django.db import migrations

from pvc.grants import append_only


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial"), ("tenants", "0002_roles_and_groups")]

    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION pvc_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION '% refuses % on %', TG_ARGV[0], TG_OP, TG_TABLE_NAME
                    USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_ARGV[0];
            END $$;
            """,
            "DROP FUNCTION pvc_refuse();",
        ),
        migrations.RunSQL(append_only("audit_auditentry", "audit_entries_are_append_only"), migrations.RunSQL.noop),
    ]
