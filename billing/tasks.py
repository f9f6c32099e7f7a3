"""Wake-ups; the work is found in PostgreSQL."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from billing.services import alert_budgets as alerting
from billing.services import alert_credit as alerting_of_credit
from billing.services import apply_stripe_events as applying
from billing.services import close_stripe_invoices as closing
from billing.services import collect_invoice as collecting
from billing.services import deliver_webhooks as delivering
from billing.services import doubt_money as doubting
from billing.services import dun_invoices as dunning
from billing.services import expire_credit as expiring
from billing.services import forget_answers as forgetting_answers
from billing.services import forget_webhooks as forgetting
from billing.services import issue_due_credit_notes as crediting
from billing.services import issue_due_invoices as issuing
from billing.services import keep_plans as keeping
from billing.services import rate_usage as rating
from billing.services import recharge_credit as recharging
from billing.services import refresh_balances as refreshing
from billing.services import seal_due_receipts as sealing
from billing.services import send_document_mails as mailing
from billing.services import tell_lease_events as telling_of_leases
from billing.services import tell_operators as telling
from billing.services import work_off_order as ordering


@shared_task
def rate_usage() -> None:
    rating.rate_usage(now=timezone.now())


@shared_task
def doubt_money() -> None:
    doubting.doubt_money()


@shared_task
def alert_budgets() -> None:
    alerting.alert_budgets(now=timezone.now())


@shared_task
def issue_due_invoices() -> None:
    issuing.issue_due_invoices(now=timezone.now())
    crediting.issue_due_credit_notes(now=timezone.now())
    telling.tell_operators(now=timezone.now())


@shared_task
def send_document_mails() -> None:
    mailing.send_document_mails(now=timezone.now())


@shared_task
def alert_credit() -> None:
    alerting_of_credit.alert_credit(now=timezone.now())


@shared_task
def tell_lease_events() -> None:
    telling_of_leases.tell_lease_events(now=timezone.now())


@shared_task
def deliver_webhooks() -> None:
    delivering.deliver_webhooks(now=timezone.now())


@shared_task
def forget_webhooks() -> None:
    forgetting.forget_webhooks(now=timezone.now())


@shared_task
def refresh_balances() -> None:
    refreshing.refresh_balances()


@shared_task
def seal_receipts() -> None:
    sealing.seal_due_receipts(now=timezone.now())


@shared_task
def forget_answers() -> None:
    forgetting_answers.forget_answers(now=timezone.now())


@shared_task
def expire_credit() -> None:
    expiring.expire_credit(now=timezone.now(), ended_within=timedelta(hours=2))


@shared_task
def expire_rest_of_credit() -> None:
    expiring.expire_credit(now=timezone.now())


@shared_task
def keep_plans() -> None:
    keeping.keep_plans(now=timezone.now())


@shared_task
def apply_stripe_events() -> None:
    applying.apply_stripe_events(now=timezone.now())


@shared_task
def work_off_stripe_orders() -> None:
    ordering.work_off_orders(now=timezone.now())


@shared_task
def collect_issued_invoices() -> None:
    collecting.collect_issued_invoices(now=timezone.now())


@shared_task
def close_stripe_invoices() -> None:
    closing.close_stripe_invoices(now=timezone.now())


@shared_task
def dun_invoices() -> None:
    dunning.dun_invoices(now=timezone.now())


@shared_task
def recharge_credit() -> None:
    recharging.recharge_credit(now=timezone.now())
