"""WSGI entry point for granian: every view is synchronous, so nothing pays for ASGI.

What pages are made of is read before the first of them is asked for, and the collector
is told that it stays. Else each full collection looks through all of it: 0.25 s of some
page's time, of each fifth of long lists.
"""

import gc
import os
from pathlib import Path

from django.apps import apps
from django.core.wsgi import get_wsgi_application
from django.template.loader import get_template
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()


def _read_ahead() -> None:
    folder = Path(apps.get_app_config("frontend").path) / "templates"
    for file in folder.rglob("*.html"):
        get_template(str(file.relative_to(folder)))
    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()


_read_ahead()
