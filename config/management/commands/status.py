import sys
from typing import Any

from django.core.management.base import BaseCommand

from config.supervisor.main import main


class Command(BaseCommand):
    help = "Shows the processes, where they answer, and how far the engine is."
    requires_system_checks = []

    def handle(self, **_options: Any) -> None:
        sys.exit(main(["status"]))
