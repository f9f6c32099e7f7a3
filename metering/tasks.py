"""Wake-ups by beat; the work is found in PostgreSQL."""

from celery import shared_task
from django.utils import timezone

from metering.services import prepare_usage_partitions as partitions
from metering.services import roll_up_usage as roll_up


@shared_task
def roll_up_usage() -> None:
    roll_up.roll_up_usage()


@shared_task
def prepare_usage_partitions() -> None:
    partitions.prepare_usage_partitions(timezone.now())
