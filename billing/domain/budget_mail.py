"""What a mail about a budget says."""

from billing.domain.money import exact_decimal
from tenants.domain.letters import Letter, Text, gettext_noop


def budget_mail(
    *,
    tenant_name: str,
    whose: Text,
    period: Text,
    currency: str,
    percent: int,
    spent_nanos: int,
    amount_nanos: int,
    url: str,
) -> Letter:
    """`whose`: `all calls`, `project Default`, `key Laptop`; `period`: `this day` or
    `this month`; `percent`: the threshold that was passed.
    """
    return Letter(
        subject=gettext_noop(
            "%(percent)s %% of a budget of %(tenant)s is spent",
            percent=percent,
            tenant=tenant_name,
        ),
        paragraphs=(
            gettext_noop(
                "%(tenant)s has spent %(spent)s %(currency)s of the budget of"
                " %(budget)s %(currency)s for %(whose)s %(period)s (UTC).",
                tenant=tenant_name,
                spent=exact_decimal(spent_nanos),
                budget=exact_decimal(amount_nanos),
                currency=currency,
                whose=whose,
                period=period,
            ),
            gettext_noop(
                "A budget tells; it refuses no call. Set a spend limit if calls are to"
                " stop:"
            ),
            url,
        ),
    )


def passed(
    *, spent_nanos: int, amount_nanos: int, thresholds_percent: list[int]
) -> list[int]:
    """The thresholds that are reached, ascending."""
    return [
        percent
        for percent in sorted(thresholds_percent)
        if 100 * spent_nanos >= percent * amount_nanos
    ]
