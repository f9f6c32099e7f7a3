"""Wake-ups by beat; the work is found in PostgreSQL."""

from celery import shared_task
from django.utils import timezone

from metering.services import alert_quarantine as quarantine
from metering.services import fold_engine_usage as folding
from metering.services import forget_texts as forgetting
from metering.services import measure_leases as leases
from metering.services import prepare_usage_partitions as partitions
from metering.services import probe_components as probes
from metering.services import read_engines as readings
from metering.services import reconcile_due as audit
from metering.services import roll_up_usage as roll_up
from metering.services import store_texts as texts
from metering.services import thin_engine_readings as thinning


@shared_task
def roll_up_usage() -> None:
    roll_up.roll_up_usage()


@shared_task
def fold_engine_usage() -> None:
    folding.fold_engine_usage(now=timezone.now())


@shared_task
def measure_leases() -> None:
    leases.measure_leases(now=timezone.now())


@shared_task
def prepare_usage_partitions() -> None:
    partitions.prepare_usage_partitions(timezone.now())


@shared_task
def probe_components() -> None:
    probes.probe_components(now=timezone.now())


@shared_task
def read_engines() -> None:
    readings.read_engines()


@shared_task
def reconcile_engines() -> None:
    audit.reconcile_due(now=timezone.now())


@shared_task
def thin_engine_readings() -> None:
    thinning.thin_engine_readings(now=timezone.now())


@shared_task
def alert_quarantine() -> None:
    quarantine.alert_quarantine(now=timezone.now())


@shared_task
def store_texts() -> None:
    texts.store_texts()


@shared_task
def forget_texts() -> None:
    forgetting.forget_texts(now=timezone.now())
