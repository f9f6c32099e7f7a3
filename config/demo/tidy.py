"""What runs by itself beside the acts: mails are out, webhooks have arrived or not."""

import random
from datetime import datetime

from billing.models.budget_alerts import BudgetAlert
from billing.models.document_mails import DocumentMail
from billing.models.webhooks import WebhookAttempt, WebhookMessage
from billing.services.webhooks.note_webhook_tries import note_webhook_tries
from billing.services.webhooks.send_webhook import Outcome
from config.demo.calls import time_of
from config.demo.company import Company
from metering.wire import UsageEvent

_ARRIVED = (200, "ok")
_BUSY = (503, "upstream is busy")
_FAILS = 0.08


def note_mails_sent(company: Company, now: datetime) -> None:
    """Nobody reads mail at `.example`, so none is sent."""
    of_tenant = DocumentMail.objects.filter(tenant=company.tenant, sent_at=None)
    of_tenant.update(sent_at=now, tries=1)


def deliver(company: Company, chance: random.Random) -> None:
    """Each message arrives; of some the first try failed. Nothing is sent."""
    for endpoint in company.endpoints:
        due = list(endpoint.messages.exclude(next_try_at=None).order_by("pk"))
        for message in due:
            if chance.random() < _FAILS:
                _note_busy(message, chance)
            note_webhook_tries(
                endpoint,
                [(message, _outcome(_ARRIVED, chance))],
                now=message.created_at,
            )


def _note_busy(message: WebhookMessage, chance: random.Random) -> None:
    outcome = _outcome(_BUSY, chance)
    WebhookAttempt.objects.create(
        tenant_id=message.tenant_id,
        message=message,
        attempted_at=message.created_at,
        duration_ms=outcome.duration_ms,
        status=outcome.status,
        answer=outcome.answer,
    )
    message.attempts += 1
    message.save(update_fields=["attempts"])


def _outcome(answer: tuple[int, str], chance: random.Random) -> Outcome:
    status, text = answer
    return Outcome(status=status, answer=text, duration_ms=chance.randint(40, 400))


def note_alerts(company: Company, events: list[UsageEvent]) -> None:
    """Of the tenant's budget for a month, when its calls passed each threshold."""
    budget = company.tenant.budgets.first()
    if budget is None:
        return
    left = list(budget.thresholds_percent)
    spent_nanos = 0
    for event in events:
        spent_nanos += event.cost_nanos
        while left and spent_nanos * 100 >= left[0] * budget.amount_nanos:
            at = time_of(event)
            BudgetAlert.objects.create(
                tenant=company.tenant,
                budget=budget,
                period_starts_on=at.date().replace(day=1),
                threshold_percent=left.pop(0),
                amount_nanos=budget.amount_nanos,
                alerted_at=at,
            )
