"""Which prices there are side by side."""

from typing import Self

from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone

from tenants.append_only import append_only, no_truncate
from tenants.domain.currency import CURRENCIES, USD
from tenants.models import Tenant

LIST_NAME = "list"


def list_name(currency: str) -> str:
    """`list` of US dollars, `list EUR`, and so on."""
    return LIST_NAME if currency == USD else f"{LIST_NAME} {currency}"


class PriceBookQuerySet(QuerySet["PriceBook"]):
    def list_book(self, currency: str = USD) -> "PriceBook":
        """Each currency has its own, made when it is first asked for."""
        defaults = {"name": list_name(currency), "created_at": timezone.now()}
        return self.get_or_create(is_list=True, currency=currency, defaults=defaults)[0]

    def for_anybody(self) -> Self:
        return self.filter(tenant__isnull=True)


class PriceBook(models.Model):
    """A set of prices: the list of a currency, which holds where no other does; a
    plan's; or what was agreed with one tenant.
    """

    name = models.CharField(max_length=100, unique=True)
    tenant = models.OneToOneField(
        Tenant, models.PROTECT, null=True, blank=True, related_name="price_book"
    )
    """Null: for anybody."""
    is_list = models.BooleanField(default=False)
    currency = models.CharField(
        max_length=3, choices=[(code, code) for code in CURRENCIES], default=USD
    )
    """Of all its prices, and of the tenant, by a key together (migration)."""
    created_at = models.DateTimeField()

    objects = PriceBookQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["currency"], condition=Q(is_list=True), name="price_list_once"
            ),
            models.CheckConstraint(
                condition=Q(is_list=False) | Q(tenant__isnull=True),
                name="price_list_is_for_anybody",
            ),
            models.CheckConstraint(
                condition=Q(currency__in=CURRENCIES), name="price_book_currency_known"
            ),
            models.UniqueConstraint(
                fields=["id", "currency"], name="price_book_of_currency"
            ),
        ]
        # What was billed by it must not become another's.
        triggers = [*append_only("a price book never changes"), no_truncate()]

    def __str__(self) -> str:
        return self.name
