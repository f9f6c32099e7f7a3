#!/usr/bin/env python
"""Command line of Tokenfab: `python manage.py help` lists the commands."""

import os
import sys

from config.supervisor.main import COMMANDS, main

if __name__ == "__main__":
    # These start and stop the servers that Django needs, so they do not load Django.
    if sys.argv[1:] and sys.argv[1] in COMMANDS and "--help" not in sys.argv:
        sys.exit(main(sys.argv[1:]))
    from django.core.management import execute_from_command_line

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    execute_from_command_line(sys.argv)
