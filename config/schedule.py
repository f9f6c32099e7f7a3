"""When which task is woken up.

Tasks are idempotent wake-ups that find their work in PostgreSQL; a lost or doubled one
harms nothing. `expires` keeps a stopped worker from waking to a backlog.
"""

from datetime import timedelta
from typing import Any

from celery.schedules import crontab

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "roll up usage": {
        "task": "metering.tasks.roll_up_usage",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 10},
    },
    "fold engine usage": {
        "task": "metering.tasks.fold_engine_usage",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "measure leases": {
        "task": "metering.tasks.measure_leases",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 10},
    },
    "rate usage": {
        "task": "billing.tasks.rate_usage",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 10},
    },
    "doubt money": {
        "task": "billing.tasks.doubt_money",
        "schedule": crontab(minute=25),
        "options": {"expires": 3000},
    },
    "alert budgets": {
        "task": "billing.tasks.alert_budgets",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "alert credit": {
        "task": "billing.tasks.alert_credit",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "tell lease events": {
        "task": "billing.tasks.tell_lease_events",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 10},
    },
    "deliver webhooks": {
        "task": "billing.tasks.deliver_webhooks",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 10},
    },
    "forget webhooks": {
        "task": "billing.tasks.forget_webhooks",
        "schedule": crontab(minute=55),
        "options": {"expires": 3000},
    },
    "forget mails": {
        "task": "tenants.tasks.forget_mails",
        "schedule": crontab(minute=45),
        "options": {"expires": 3000},
    },
    "forget answers": {
        "task": "billing.tasks.forget_answers",
        "schedule": crontab(minute=35),
        "options": {"expires": 3000},
    },
    "issue due invoices": {
        "task": "billing.tasks.issue_due_invoices",
        "schedule": crontab(minute=5),
        "options": {"expires": 3000},
    },
    "send document mails": {
        "task": "billing.tasks.send_document_mails",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "expire credit": {
        "task": "billing.tasks.expire_credit",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    # What was set aside for invoices, and they have left.
    "expire rest of credit": {
        "task": "billing.tasks.expire_rest_of_credit",
        "schedule": crontab(minute=35),
        "options": {"expires": 3000},
    },
    "recharge credit": {
        "task": "billing.tasks.recharge_credit",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "refresh balances": {
        "task": "billing.tasks.refresh_balances",
        "schedule": crontab(minute=55),
        "options": {"expires": 3000},
    },
    "apply Stripe events": {
        "task": "billing.tasks.apply_stripe_events",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 10},
    },
    "work off Stripe orders": {
        "task": "billing.tasks.work_off_stripe_orders",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 10},
    },
    "collect issued invoices": {
        "task": "billing.tasks.collect_issued_invoices",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "close Stripe's copies of invoices": {
        "task": "billing.tasks.close_stripe_invoices",
        "schedule": timedelta(minutes=10),
        "options": {"expires": 300},
    },
    "dun invoices": {
        "task": "billing.tasks.dun_invoices",
        "schedule": crontab(minute=15),
        "options": {"expires": 3000},
    },
    "check engines": {
        "task": "inference.tasks.check_engines",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 5},
    },
    # The process `leases` does the same each second; this is for when it is away.
    "keep cached prompts": {
        "task": "inference.tasks.keep_cached_prompts",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 10},
    },
    "publish snapshots": {
        "task": "config.tasks.publish_snapshots",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "prepare usage partitions": {
        "task": "metering.tasks.prepare_usage_partitions",
        "schedule": crontab(minute=20, hour="*/6"),
        "options": {"expires": 3000},
    },
    "probe components": {
        "task": "metering.tasks.probe_components",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "read engines": {
        "task": "metering.tasks.read_engines",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 10},
    },
    # Ten minutes past: the calls of the day before have ended.
    "reconcile engines": {
        "task": "metering.tasks.reconcile_engines",
        "schedule": crontab(minute=10),
        "options": {"expires": 3000},
    },
    "thin engine readings": {
        "task": "metering.tasks.thin_engine_readings",
        "schedule": crontab(minute=40),
        "options": {"expires": 3000},
    },
    "store texts": {
        "task": "metering.tasks.store_texts",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 2},
    },
    "forget texts": {
        "task": "metering.tasks.forget_texts",
        "schedule": crontab(minute="*/10"),
        "options": {"expires": 600},
    },
    "seal receipts": {
        "task": "billing.tasks.seal_receipts",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "forget lease receipts": {
        "task": "inference.tasks.forget_lease_receipts",
        "schedule": crontab(minute=50),
        "options": {"expires": 3000},
    },
    # At the begin of each minute, and so of each month.
    "keep plans": {
        "task": "billing.tasks.keep_plans",
        "schedule": crontab(),
        "options": {"expires": 60},
    },
    "alert quarantine": {
        "task": "metering.tasks.alert_quarantine",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
}
