"""What is on the accounts of the ledger: sums, from a cache and what came after it."""

from collections.abc import Collection
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from billing.domain.postings import AccountKind
from billing.models.ledger import LedgerAccount, LedgerEntry


def read_balances(tenant_id: int) -> dict[AccountKind, int]:
    """Nanos, debits less credits; 0 of an account that nothing was booked on."""
    accounts = LedgerAccount.objects.filter(tenant_id=tenant_id)
    found = _balances(accounts, by="kind")
    return {kind: found.get(kind.value, 0) for kind in AccountKind}


def balances_of(tenant_ids: Collection[int], kind: AccountKind) -> dict[int, int]:
    """By tenant id; a tenant of whom nothing was ever booked is left out."""
    accounts = LedgerAccount.objects.filter(tenant_id__in=tenant_ids, kind=kind)
    return _balances(accounts, by="tenant_id")


def _balances(accounts: QuerySet[LedgerAccount], *, by: str) -> dict[Any, int]:
    after = LedgerEntry.objects.filter(
        account=OuterRef("pk"), id__gt=Coalesce(OuterRef("balance__up_to"), 0)
    )
    total = after.order_by().values("account").values_list(Sum("amount_nanos"))
    cached = Coalesce(F("balance__amount_nanos"), 0)
    rows = accounts.annotate(sum=cached + Coalesce(Subquery(total), 0))
    return {name: int(amount) for name, amount in rows.values_list(by, "sum")}
