"""Wake-ups by beat; the work is found in PostgreSQL."""

from celery import shared_task
from django.utils import timezone

from tenants.services import forget_mails as mails


@shared_task
def forget_mails() -> None:
    mails.forget_mails(now=timezone.now())
