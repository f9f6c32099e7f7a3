"""Set a budget: the tenant's owners hear when so much of it is spent."""

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext

from tenants.domain.amounts import text_of_nanos
from tenants.domain.limits import DEFAULT_THRESHOLDS_PERCENT, clean_thresholds
from tenants.errors import InvalidLimitError
from tenants.models import Budget
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import publish_key_policies
from tenants.services.set_rate_limits import check_amount
from tenants.services.subject import (
    Subject,
    columns_of,
    lock_subject,
    tenant_id_of,
    words_of,
)
from tenants.wire import SpendPeriod


@transaction.atomic
def set_budget(
    *,
    subject: Subject,
    period: SpendPeriod,
    amount_nanos: int,
    thresholds_percent: Iterable[int] = DEFAULT_THRESHOLDS_PERCENT,
) -> bool:
    """True if it changed anything, and then the data plane is told at commit: what is
    spent is summed from then on. Raises InvalidLimitError.
    """
    check_amount(amount_nanos)
    thresholds = clean_thresholds(thresholds_percent)
    if thresholds is None:
        raise InvalidLimitError(
            gettext("A budget has 1 to 5 thresholds, from 1 to 1000 %.")
        )
    lock_subject(subject)
    values = {"amount_nanos": amount_nanos, "thresholds_percent": thresholds}
    mine = Budget.objects.filter(**columns_of(subject), period=period)
    if mine.filter(**values).exists():
        return False
    Budget.objects.update_or_create(
        **columns_of(subject), period=period, defaults=values
    )
    note_act(
        "limits.budget_set",
        tenant_id=tenant_id_of(subject),
        about=subject,
        words=f"{text_of_nanos(amount_nanos)} a {period.value}, {words_of(subject)}",
    )
    transaction.on_commit(publish_key_policies, robust=True)
    return True
