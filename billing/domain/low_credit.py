"""When prepaid credit is low, and what the mail about it says."""

from billing.domain.money import exact_decimal
from tenants.domain.letters import Letter, gettext_noop

SHARES_PERCENT = (20, 5)
"""Of the last grant."""


def passed_thresholds(
    *, left_nanos: int, granted_nanos: int, own_nanos: int | None
) -> list[int]:
    """Nanos of the thresholds that what is left has reached, the highest first.
    `granted_nanos`: of the last grant; `own_nanos`: what the tenant set.
    """
    thresholds = {granted_nanos * share // 100 for share in SHARES_PERCENT}
    if own_nanos is not None:
        thresholds.add(own_nanos)
    return sorted((one for one in thresholds if left_nanos <= one), reverse=True)


def credit_mail(
    *, tenant_name: str, currency: str, left_nanos: int, url: str
) -> Letter:
    left = exact_decimal(max(left_nanos, 0))
    return Letter(
        subject=gettext_noop(
            "%(tenant)s has %(left)s %(currency)s of credit left",
            tenant=tenant_name,
            left=left,
            currency=currency,
        ),
        paragraphs=(
            gettext_noop(
                "%(tenant)s has %(left)s %(currency)s of prepaid credit left. Once it"
                " is used up, calls are refused (402) until there is more.",
                tenant=tenant_name,
                left=left,
                currency=currency,
            ),
            url,
        ),
    )
