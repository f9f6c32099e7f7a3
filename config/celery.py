"""The Celery application; `celery -A config worker` finds it here."""

import os

from celery import Celery

from config import task_runs  # noqa: F401  its signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("tokenfab")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
