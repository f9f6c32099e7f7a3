"""Wake-ups; the work is found in PostgreSQL."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from billing.services.alerts import alert_budgets as alerting
from billing.services.alerts import alert_credit as alerting_of_credit
from billing.services.api_access import forget_answers as forgetting_answers
from billing.services.credit import expire_credit as expiring
from billing.services.credit import recharge_credit as recharging
from billing.services.credit_notes import issue_due_credit_notes as crediting
from billing.services.dunning import dun_invoices as dunning
from billing.services.invoices import issue_due_invoices as issuing
from billing.services.invoices import send_document_mails as mailing
from billing.services.invoices import tell_operators as telling
from billing.services.ledger import refresh_balances as refreshing
from billing.services.payments import apply_stripe_events as applying
from billing.services.payments import close_stripe_invoices as closing
from billing.services.payments import collect_invoice as collecting
from billing.services.payments import work_off_order as ordering
from billing.services.plans import keep_plans as keeping
from billing.services.rating import rate_usage as rating
from billing.services.receipts import seal_due_receipts as sealing
from billing.services.spend import doubt_money as doubting
from billing.services.webhooks import deliver_webhooks as delivering
from billing.services.webhooks import forget_webhooks as forgetting
from billing.services.webhooks import tell_lease_events as telling_of_leases


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
