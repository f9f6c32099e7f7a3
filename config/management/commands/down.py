import sys
from typing import Any

from django.core.management.base import BaseCommand

from config.supervisor.main import main


class Command(BaseCommand):
    help = "Stops the Tokenfab that runs on this state folder, in order."
    requires_system_checks = []

    def handle(self, **_options: Any) -> None:
        sys.exit(main(["down"]))
