from celery import shared_task
from django.utils import timezone

from inference.services import check_engines as service


@shared_task
def check_engines() -> None:
    service.check_engines(now=timezone.now())
