"""What a mail about a budget says."""

from dataclasses import dataclass

from billing.domain.money import exact_amount


@dataclass(frozen=True, kw_only=True)
class BudgetMail:
    subject: str
    text: str


def budget_mail(
    *,
    tenant_name: str,
    whose: str,
    period: str,
    currency: str,
    percent: int,
    spent_nanos: int,
    amount_nanos: int,
    url: str,
) -> BudgetMail:
    """`whose`: `all calls of the tenant`, `project Default`, `key Laptop`; `period`:
    `day` or `month`; `percent`: the threshold that was passed.
    """
    return BudgetMail(
        subject=f"{percent} % of a budget of {tenant_name} is spent",
        text=(
            f"{tenant_name} has spent {exact_amount(spent_nanos)} {currency} of the"
            f" budget of {exact_amount(amount_nanos)} {currency} for {whose} this"
            f" {period} (UTC).\n\n"
            "A budget tells; it refuses no call. Set a spend limit if calls are to"
            " stop:\n"
            f"{url}\n"
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
