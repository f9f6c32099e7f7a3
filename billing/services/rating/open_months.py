"""Have months in which nothing is used billed for their plans."""

from datetime import datetime

from django.db import connection

# A month of a plan that costs something by itself is there from its first second on.
# The first one is opened by the act that starts the subscription.
_OPEN = """
INSERT INTO billing_billingperiod (tenant_id, starts_at)
SELECT DISTINCT held.tenant_id, month.starts_at
FROM billing_subscription held
JOIN billing_plan plan ON plan.id = held.plan_id
CROSS JOIN LATERAL generate_series(
    date_trunc('month', held.starts_at, 'UTC'), %(now)s::timestamptz, '1 month'
) AS month (starts_at)
WHERE held.starts_at <= %(now)s
    AND (held.ends_at IS NULL OR held.ends_at > month.starts_at)
    AND (plan.price_cents > 0 OR plan.minimum_cents > 0 OR plan.commitment_cents > 0)
    AND NOT EXISTS (
        SELECT FROM billing_billingperiod period
        WHERE period.tenant_id = held.tenant_id
            AND period.starts_at = month.starts_at
    )
ORDER BY 1, 2
ON CONFLICT (tenant_id, starts_at) DO NOTHING
"""


def open_months(*, now: datetime) -> int:
    """How many tenant-months that have begun were not there before. Safe twice."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, {"now": now})
        return int(cursor.rowcount)
