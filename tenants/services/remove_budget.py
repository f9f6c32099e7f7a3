"""Take a budget away."""

from django.db import transaction

from tenants.models import Budget
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import publish_key_policies
from tenants.services.subject import Subject, columns_of, tenant_id_of, words_of
from tenants.wire import SpendPeriod


@transaction.atomic
def remove_budget(*, subject: Subject, period: SpendPeriod) -> bool:
    """True if there was one, and then the data plane is told at commit."""
    mine = Budget.objects.filter(**columns_of(subject), period=period)
    removed, _ = mine.delete()
    if removed:
        note_act(
            "limits.budget_removed",
            tenant_id=tenant_id_of(subject),
            about=subject,
            words=f"that of a {period.value}, {words_of(subject)}",
        )
        transaction.on_commit(publish_key_policies, robust=True)
    return bool(removed)
