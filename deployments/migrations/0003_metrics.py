"""Raw metrics: a table in partitions by the day, and the one function that makes and drops them.

The role that serves owns no table, so what it may do about partitions is this function, run as the owner.
"""

from django.conf import settings
from django.db import migrations

from pvc.grants import app_role

TABLE = f"""
    CREATE TABLE deployments_metric (
        at timestamptz NOT NULL,
        id uuid NOT NULL,
        tenant_id uuid NOT NULL,
        prompt_id uuid NOT NULL,
        version_id uuid NOT NULL,
        variant_id uuid,
        type varchar(7) NOT NULL,
        name varchar(100) NOT NULL,
        value double precision NOT NULL,
        unit varchar(40) NOT NULL,
        dimensions jsonb,
        PRIMARY KEY (at, id),
        CONSTRAINT metric_type_is_known CHECK (type IN ('cost', 'latency', 'quality')),
        -- NaN is greater than everything else: the upper bound refuses it, and infinity too.
        CONSTRAINT metrics_are_in_range
            CHECK (value >= 0 AND value <= CASE type WHEN 'quality' THEN 1 ELSE 1e150::double precision END)
    ) PARTITION BY RANGE (at);
    CREATE INDEX metrics_of_version ON deployments_metric (tenant_id, version_id, at, id);
    CREATE INDEX metrics_of_prompt ON deployments_metric (tenant_id, prompt_id, at, id);
    CREATE TABLE deployments_metric_default PARTITION OF deployments_metric DEFAULT;
    GRANT SELECT, INSERT ON deployments_metric TO {app_role()};
    GRANT SELECT ON deployments_metric_default TO {app_role()};
    REVOKE UPDATE, DELETE, TRUNCATE ON deployments_metric, deployments_metric_default FROM {app_role()};
    -- Room on each page, so that an hour that goes on being counted is written where it stands.
    ALTER TABLE deployments_metricrollup SET (fillfactor = 70);
"""

# The bucket of a value that is not negative, as deployments/sketch.py counts them: ln(1.04) is written out. Not STRICT:
# PostgreSQL then puts it into the query itself, which is several times as quick as to call it.
BUCKET = """
    CREATE FUNCTION deployments_bucket(value double precision) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
        SELECT CASE WHEN value = 0 THEN -32768
            ELSE ceil(ln(value) / 0.03922071315328133::double precision)::int END
    $$;
"""

# A day's table is filled with what waits for it in the default partition before it is attached: it could not be
# attached otherwise. Locks are held for a moment, or the call gives up and the next one does it.
MAINTAIN = f"""
    CREATE FUNCTION deployments_maintain_metrics(kept int, ahead int)
    RETURNS TABLE (done text, partition text, moved bigint) LANGUAGE plpgsql SECURITY DEFINER
    SET timezone = 'UTC' SET lock_timeout = '2s' AS $$
    DECLARE
        today date := current_date;
        day date;
    BEGIN
        IF kept < 31 OR ahead < 1 THEN
            RAISE EXCEPTION 'metrics are taken up to 30 days old: keep 31 days or more, and make 1 ahead or more';
        END IF;
        PERFORM pg_advisory_xact_lock(hashtextextended('deployments_maintain_metrics', 0));
        FOR day IN SELECT generate_series(today - kept, today + ahead, '1 day')::date LOOP
            partition := 'deployments_metric_' || to_char(day, 'YYYYMMDD');
            CONTINUE WHEN to_regclass(partition) IS NOT NULL;
            LOCK TABLE deployments_metric_default IN ACCESS EXCLUSIVE MODE;
            EXECUTE format('CREATE TABLE %I (LIKE deployments_metric INCLUDING CONSTRAINTS)', partition);
            EXECUTE format(
                'WITH late AS (DELETE FROM deployments_metric_default WHERE at >= %L AND at < %L RETURNING *)
                 INSERT INTO %I SELECT * FROM late', day::timestamptz, (day + 1)::timestamptz, partition);
            GET DIAGNOSTICS moved = ROW_COUNT;
            EXECUTE format('ALTER TABLE deployments_metric ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                partition, day::timestamptz, (day + 1)::timestamptz);
            -- Whoever serves goes through the table itself, where rows are added and read and nothing else.
            EXECUTE format('REVOKE ALL ON %I FROM {app_role()}', partition);
            done := 'created';
            RETURN NEXT;
        END LOOP;
        moved := NULL;
        FOR partition IN
            SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'deployments_metric'::regclass AND c.relname ~ '^deployments_metric_[0-9]{{8}}$'
                    AND to_date(right(c.relname, 8), 'YYYYMMDD') < today - kept
                ORDER BY c.relname
        LOOP
            EXECUTE format('DROP TABLE %I', partition);
            done := 'dropped';
            RETURN NEXT;
        END LOOP;
    END $$;
    -- It runs as the owner: nobody's temporary tables may stand in for ours.
    DO $$ BEGIN
        EXECUTE format('ALTER FUNCTION deployments_maintain_metrics(int, int) SET search_path = %I, pg_temp',
            current_schema());
    END $$;
    REVOKE EXECUTE ON FUNCTION deployments_maintain_metrics(int, int) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION deployments_maintain_metrics(int, int) TO {app_role()};
    SELECT * FROM deployments_maintain_metrics({settings.METRICS_RAW_DAYS}, {settings.METRICS_DAYS_AHEAD});
"""


class Migration(migrations.Migration):
    dependencies = [("deployments", "0002_truths")]

    operations = [
        migrations.RunSQL(TABLE, migrations.RunSQL.noop),
        migrations.RunSQL(BUCKET, migrations.RunSQL.noop),
        migrations.RunSQL(MAINTAIN, migrations.RunSQL.noop),
    ]
