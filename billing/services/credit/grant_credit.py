"""Give a tenant credit."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from billing.domain.credit import DEFAULT_PRIORITIES, PRIORITY_MAX, CreditKind
from billing.domain.event_types import EventType
from billing.domain.postings import AccountKind, TransactionKind, credit_granted
from billing.errors import (
    IdempotencyKeyReusedError,
    InvalidAmountError,
    InvalidCreditError,
)
from billing.models.credit import CreditGrant
from billing.services.credit.publish_credit import publish_credit
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.ledger.post_transaction import post_transaction
from billing.services.webhooks.emit_event import emit_event
from tenants.domain.amounts import text_of_nanos
from tenants.domain.limits import is_amount
from tenants.models import Tenant
from tenants.services.note_act import note_act

REASON_CHARACTERS_MAX = 200
IDEMPOTENCY_KEY_CHARACTERS_MAX = 70
_SAID = ("amount_nanos", "reason", "kind", "priority", "expires_at")
"""What the same key must name again."""


@transaction.atomic
def grant_credit(
    *,
    tenant: Tenant,
    amount_nanos: int,
    reason: str,
    idempotency_key: str,
    now: datetime,
    kind: CreditKind = CreditKind.PURCHASED,
    priority: int | None = None,
    expires_at: datetime | None = None,
    behind: AccountKind | None = None,
) -> CreditGrant:
    """The grant, booked once however often it is asked for with the same key; the data
    plane counts with it within seconds of the commit.

    `priority` and `behind` (the account that its worth comes from) None: the usual
    ones of its kind. Raises InvalidAmountError,
    InvalidCreditError, and IdempotencyKeyReusedError when the key names a grant that
    says something else.
    """
    wanted = CreditGrant(
        tenant=tenant,
        idempotency_key=idempotency_key,
        kind=kind.value,
        priority=DEFAULT_PRIORITIES[kind] if priority is None else priority,
        amount_nanos=amount_nanos,
        reason=reason,
        granted_at=now,
        expires_at=expires_at,
    )
    _check(wanted)
    lock_tenant(tenant.pk)
    found = CreditGrant.objects.filter(tenant=tenant, idempotency_key=idempotency_key)
    grant = found.first()
    if grant is None:
        grant = _booked(wanted, behind)
        words = f"{text_of_nanos(amount_nanos)}: {reason}"
        note_act("credit.granted", tenant_id=tenant.pk, about=grant, words=words)
    elif any(getattr(grant, name) != getattr(wanted, name) for name in _SAID):
        raise IdempotencyKeyReusedError(
            gettext("%(idempotency_key)s names a grant that says something else.")
            % {"idempotency_key": repr(idempotency_key)}
        )
    # Also the second time: the first publication may be what did not get through.
    transaction.on_commit(lambda: publish_credit(tenant.pk), robust=True)
    return grant


def _check(wanted: CreditGrant) -> None:
    if not is_amount(wanted.amount_nanos):
        raise InvalidAmountError(gettext("Credit is more than nothing."))
    check_words(wanted.reason, wanted.idempotency_key)
    if not 0 <= wanted.priority <= PRIORITY_MAX:
        raise InvalidCreditError(
            gettext("A priority is 0 to %(PRIORITY_MAX)s.")
            % {"PRIORITY_MAX": PRIORITY_MAX}
        )


def check_words(reason: str, idempotency_key: str) -> None:
    """Raises InvalidAmountError."""
    if not 0 < len(reason) <= REASON_CHARACTERS_MAX:
        raise InvalidAmountError(
            gettext("A reason has 1 to %(REASON_CHARACTERS_MAX)s characters.")
            % {"REASON_CHARACTERS_MAX": REASON_CHARACTERS_MAX}
        )
    if not 0 < len(idempotency_key) <= IDEMPOTENCY_KEY_CHARACTERS_MAX:
        raise InvalidAmountError(
            gettext("A key has 1 to %(IDEMPOTENCY_KEY_CHARACTERS_MAX)s characters.")
            % {"IDEMPOTENCY_KEY_CHARACTERS_MAX": IDEMPOTENCY_KEY_CHARACTERS_MAX}
        )


def _booked(grant: CreditGrant, behind: AccountKind | None) -> CreditGrant:
    if grant.expires_at is not None and grant.expires_at <= grant.granted_at:
        # Here, since a repeat may come after the end.
        raise InvalidCreditError(gettext("Credit cannot expire before it is granted."))
    booked = post_transaction(
        credit_granted(grant.amount_nanos, CreditKind(grant.kind), behind=behind),
        tenant_id=grant.tenant_id,
        kind=TransactionKind.CREDIT_GRANTED,
        reference=f"credit:{grant.tenant_id}:{grant.idempotency_key}",
        booked_at=grant.granted_at,
    )
    assert booked is not None  # noqa: S101  more than nothing is booked
    grant.transaction = booked
    grant.save(force_insert=True)
    emit_event(
        tenant_id=grant.tenant_id,
        type=EventType.CREDIT_GRANTED,
        data={
            "credit_grant_id": grant.pk,
            "kind": grant.kind,
            "amount_nanos": grant.amount_nanos,
            "expires_at": grant.expires_at,
        },
        now=grant.granted_at,
    )
    return grant
