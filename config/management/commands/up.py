import sys
from typing import Any

from django.core.management.base import BaseCommand

from config.supervisor.main import main


class Command(BaseCommand):
    help = "Starts everything and stays in the foreground; Ctrl-C stops it in order."
    requires_system_checks = []

    def handle(self, **_options: Any) -> None:
        sys.exit(main(["up"]))
