"""`manage.py demo_data [--months 12] [--password-file FILE]`"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from config.demo.year import SLUGS, write_demo
from tenants.models import Tenant

MONTHS_MAX = 24


class Command(BaseCommand):
    help = (
        "Writes a year of three tenants labelled (Demo): calls, leases, invoices,"
        " payments. What is booked is never deleted, so give it a database of its own;"
        " it refuses one that has other tenants. A second run changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--months", type=int, default=12, help="whole months before the present one"
        )
        parser.add_argument("--seed", type=int, default=7, help="of what is by chance")
        parser.add_argument(
            "--beside-others",
            action="store_true",
            help="although there are other tenants, for good",
        )
        parser.add_argument(
            "--password-file",
            type=Path,
            help="its first line is the password of the demo's users; without it nobody"
            " signs in as them, and staff looks at their pages by “Sign in as”",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 Django's
        if not 1 <= options["months"] <= MONTHS_MAX:
            raise CommandError(f"--months is 1 to {MONTHS_MAX}.")
        if Tenant.objects.filter(slug__in=SLUGS).exists():
            self.stdout.write("The demo is there already: nothing was changed.")
            return
        others = Tenant.objects.exclude(slug__in=SLUGS).first()
        if others and not options["beside_others"]:
            raise CommandError(
                f"There are other tenants here, such as {others.name!r}. The demo can"
                " never be deleted again; --beside-others writes it all the same."
            )
        self._write(options["months"], options["seed"], options["password_file"])

    def _write(self, months: int, seed: int, password_file: Path | None) -> None:
        password = password_file.read_text().splitlines()[0] if password_file else None
        tenants = write_demo(
            now=timezone.now().replace(microsecond=0),
            months=months,
            seed=seed,
            password=password,
        )
        for tenant in tenants:
            owner = tenant.members.get(role="owner").user
            self.stdout.write(f"{tenant.name}: {owner.email}")
