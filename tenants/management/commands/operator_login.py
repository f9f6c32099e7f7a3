"""`manage.py operator_login`: for the supervisor, and for whoever lost the link."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.errors import OperatorDisabledError
from tenants.services.make_operator_login import make_operator_login


class Command(BaseCommand):
    help = "Prints the path of a link that signs the operator in once."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 Django's
        try:
            self.stdout.write(make_operator_login())
        except OperatorDisabledError as error:
            raise CommandError(str(error)) from error
