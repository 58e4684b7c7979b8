"""What the serving role may do, in one tenant each, and the four groups."""

from django.db import migrations

from pvc.grants import app_role, foreign_key

GROUPS = ("Author", "Reviewer", "Operator", "Administrator")


def make_groups(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    for name in GROUPS:
        groups.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        # For the tables that exist and for all that the owner makes later.
        migrations.RunSQL(
            f"""
            GRANT USAGE ON SCHEMA public TO {app_role()};
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {app_role()};
            GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {app_role()};
            ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app_role()};
            ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {app_role()};
            REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {app_role()};
            """,
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            foreign_key("user_owner_in_tenant", "tenants_user", "tenant_id, owner_id", "tenants_user", "tenant_id, id")
            + foreign_key("key_owner_in_tenant", "tenants_apikey", "tenant_id, owner_id", "tenants_user", "tenant_id, id"),
            migrations.RunSQL.noop,
        ),
        migrations.RunPython(make_groups, migrations.RunPython.noop),
    ]
