"""Which database role serves, for the migrations that say what it may do."""

from django.conf import settings
from django.db import connection


def app_role() -> str:
    """The quoted name of the role in DATABASE_URL: web, workers and tests; it owns nothing."""
    return connection.ops.quote_name(settings.DATABASES["default"]["USER"])


def append_only(table: str, constraint: str) -> str:
    """SQL: rows of `table` can be added and read, and nothing else, by grant and by trigger."""
    return f"""
        REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {app_role()};
        CREATE TRIGGER {constraint} BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION pvc_refuse('{constraint}');
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {constraint};
    """


def foreign_key(constraint: str, source: str, columns: str, target: str, target_columns: str) -> str:
    """SQL: a foreign key over several columns, which Django cannot declare."""
    return f"""
        ALTER TABLE {source} ADD CONSTRAINT {constraint}
            FOREIGN KEY ({columns}) REFERENCES {target} ({target_columns});
    """


def refuse(constraint: str) -> str:
    """PL/pgSQL: refuse the row under a name that has a sentence (`name_constraint`)."""
    return (
        f"RAISE EXCEPTION '{constraint}' USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = '{constraint}';"
    )


def trigger(name: str, when: str, table: str, function: str, each: str = "ROW") -> str:
    """SQL: a trigger that a session cannot switch off (`session_replication_role`)."""
    return f"""
        CREATE TRIGGER {name} {when} ON {table} FOR EACH {each} EXECUTE FUNCTION {function};
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name};
    """
