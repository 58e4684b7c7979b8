"""Who made a user is fixed: whether somebody may decide on a version depends on it."""

from django.db import migrations

from pvc.grants import refuse

TRIGGER = f"""
    CREATE FUNCTION tenants_keep_maker() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (NEW.id, NEW.created_by_id, NEW.is_service) IS DISTINCT FROM (OLD.id, OLD.created_by_id, OLD.is_service) THEN
            {refuse("user_origin_is_fixed")}
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER user_origin_is_fixed BEFORE UPDATE ON tenants_user
        FOR EACH ROW EXECUTE FUNCTION tenants_keep_maker();
    ALTER TABLE tenants_user ENABLE ALWAYS TRIGGER user_origin_is_fixed;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_roles_and_groups")]

    operations = [migrations.RunSQL(TRIGGER, migrations.RunSQL.noop)]
