from celery import shared_task
from django.utils import timezone

from inference.services import check_engines as service
from inference.services import forget_lease_receipts as forgetting
from inference.services import keep_cached_prompts as keeping


@shared_task
def check_engines() -> None:
    service.check_engines(now=timezone.now())


@shared_task
def forget_lease_receipts() -> None:
    forgetting.forget_lease_receipts(now=timezone.now())


@shared_task
def keep_cached_prompts() -> None:
    keeping.keep_cached_prompts(now=timezone.now())
