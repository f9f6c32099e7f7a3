"""The names that the beat schedule calls."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from billing import tasks
from billing.domain.periods import month_of
from billing.models.rating import BillingPeriod
from billing.services.plans.start_subscription import start_subscription
from tests.billing.plans import make_plan
from tests.billing.usage import draft_of, make_price, use


def test_usage_is_rated_and_issued_by_the_tasks(tenant):
    last_month = month_of(month_of(timezone.now()).start - timedelta(days=1))
    use(tenant, make_price(), 10, hour_at=last_month.start)

    tasks.rate_usage()
    draft = draft_of(tenant, last_month.start)
    tasks.issue_due_invoices()

    # It was refreshed just now: late usage is waited for.
    assert draft_of(tenant, last_month.start) == draft


def test_plans_are_kept_by_their_task(tenant):
    """One that was to begin ten seconds ago: its credit, terms and month."""
    plan = make_plan(kind="prepaid")
    begin = timezone.now() - timedelta(seconds=10)
    start_subscription(
        tenant_id=tenant.pk,
        plan=plan,
        starts_at=begin,
        now=begin - timedelta(days=40),
    )

    tasks.keep_plans()

    tenant.refresh_from_db()
    assert tenant.is_prepaid
    assert BillingPeriod.objects.filter(tenant=tenant).exists()


def test_the_schedule_calls_them():
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    called = (
        *(tasks.rate_usage, tasks.issue_due_invoices, tasks.refresh_balances),
        *(tasks.expire_credit, tasks.expire_rest_of_credit, tasks.recharge_credit),
        tasks.keep_plans,
    )
    assert {task.name for task in called} <= scheduled
