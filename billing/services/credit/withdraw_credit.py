"""Take back credit that was not used."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from billing.domain.credit import CreditKind, allocate
from billing.domain.money import exact_amount
from billing.domain.postings import TransactionKind, credit_granted
from billing.errors import (
    IdempotencyKeyReusedError,
    InvalidAmountError,
    InvalidCreditError,
)
from billing.models.credit import CreditGrant, CreditWithdrawal
from billing.services.credit.grant_credit import check_words
from billing.services.credit.publish_credit import publish_credit
from billing.services.credit.read_grants import read_grants
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.ledger.post_transaction import post_transaction
from billing.services.rating.unbilled_before import unbilled_before
from billing.services.spend.read_spend import read_spend
from tenants.domain.amounts import text_of_nanos
from tenants.services.note_act import note_act

_SAID = ("grant_id", "amount_nanos", "reason")
"""What the same key must name again."""


@transaction.atomic
def withdraw_credit(
    *,
    grant: CreditGrant,
    amount_nanos: int,
    reason: str,
    idempotency_key: str,
    now: datetime,
) -> CreditWithdrawal:
    """The withdrawal, booked once however often it is asked for with the same key.

    Of bought credit the money is then to be paid back; a gift is simply less. Raises
    InvalidAmountError, InvalidCreditError when calls have used more than would be left,
    and IdempotencyKeyReusedError.
    """
    if amount_nanos <= 0:
        raise InvalidAmountError(gettext("A withdrawal is of more than nothing."))
    check_words(reason, idempotency_key)
    lock_tenant(grant.tenant_id)
    wanted = CreditWithdrawal(
        tenant_id=grant.tenant_id,
        grant=grant,
        amount_nanos=amount_nanos,
        reason=reason,
        idempotency_key=idempotency_key,
        withdrawn_at=now,
    )
    found = CreditWithdrawal.objects.filter(
        tenant_id=grant.tenant_id, idempotency_key=idempotency_key
    ).first()
    if found is None:
        booked = _booked(wanted)
        words = f"{text_of_nanos(amount_nanos)}: {reason}"
        note_act(
            "credit.withdrawn", tenant_id=grant.tenant_id, about=booked, words=words
        )
        return booked
    if any(getattr(found, name) != getattr(wanted, name) for name in _SAID):
        raise IdempotencyKeyReusedError(
            gettext("%(idempotency_key)s names a withdrawal that says something else.")
            % {"idempotency_key": repr(idempotency_key)}
        )
    return found


def unused_of(grant: CreditGrant, *, now: datetime) -> int:
    """Nanos of it that no call has used, by the books and by the limits; of an
    expired one 0.
    """
    if grant.expires_at and grant.expires_at <= now:
        return 0
    left = {one.grant_id: one for one in read_grants(grant.tenant_id)}
    if grant.pk not in left:
        return 0
    unbilled = unbilled_before(grant.tenant_id, now)
    used = dict(allocate(left.values(), unbilled, at=now)).get(grant.pk, 0)
    unused = left[grant.pk].remaining_nanos - used
    # Calls that still run, and those whose events are on their way, are known there.
    spend = read_spend(grant.tenant_id, [], now=now)
    return min(unused, max(0, spend.credit_left)) if spend else unused


def _booked(withdrawal: CreditWithdrawal) -> CreditWithdrawal:
    grant, now = withdrawal.grant, withdrawal.withdrawn_at
    unused = unused_of(grant, now=now)
    if withdrawal.amount_nanos > unused:
        raise InvalidCreditError(
            gettext("Only %(unused)s %(currency)s of it are not used.")
            % {"unused": exact_amount(unused), "currency": grant.tenant.currency}
        )
    withdrawal.save(force_insert=True)
    post_transaction(
        credit_granted(-withdrawal.amount_nanos, CreditKind(grant.kind)),
        tenant_id=grant.tenant_id,
        kind=TransactionKind.CREDIT_WITHDRAWN,
        reference=f"credit_withdrawal:{grant.tenant_id}:{withdrawal.idempotency_key}",
        booked_at=now,
    )
    transaction.on_commit(lambda: publish_credit(grant.tenant_id), robust=True)
    return withdrawal
