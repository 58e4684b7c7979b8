"""`manage.py migrate`, as the role that owns the tables."""

from django.conf import settings
from django.core.management.base import CommandParser
from django.core.management.commands import migrate


class Command(migrate.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        # MIGRATE_DATABASE_URL where it is given; DATABASE_URL in an installation with one role.
        parser.set_defaults(database="owner" if "owner" in settings.DATABASES else "default")
