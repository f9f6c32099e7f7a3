import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from config.supervisor.main import main


class Command(BaseCommand):
    help = "Follows the log of one process, or of all."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", default="all", help="e.g. proxy-0")

    def handle(self, *, name: str, **_options: Any) -> None:
        sys.exit(main(["logs", name]))
