"""The names that the beat schedule calls."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from billing import tasks
from billing.domain.periods import month_of
from tests.billing.usage import draft_of, make_price, use


def test_usage_is_rated_and_issued_by_the_tasks(tenant):
    last_month = month_of(month_of(timezone.now()).start - timedelta(days=1))
    use(tenant, make_price(), 10, hour_at=last_month.start)

    tasks.rate_usage()
    draft = draft_of(tenant, last_month.start)
    tasks.issue_due_invoices()

    # It was refreshed just now: late usage is waited for.
    assert draft_of(tenant, last_month.start) == draft


def test_the_schedule_calls_them():
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    called = (
        *(tasks.rate_usage, tasks.issue_due_invoices, tasks.refresh_balances),
        *(tasks.expire_credit, tasks.expire_rest_of_credit),
    )
    assert {task.name for task in called} <= scheduled
