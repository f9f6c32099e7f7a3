"""Which prices there are side by side."""

from typing import Self

from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone

from tenants.append_only import append_only, no_truncate
from tenants.models import Tenant

LIST_NAME = "list"
CURRENCY = "USD"


class PriceBookQuerySet(QuerySet["PriceBook"]):
    def list_book(self) -> "PriceBook":
        """Made by a migration, and again in a database that was emptied since."""
        defaults = {"name": LIST_NAME, "created_at": timezone.now()}
        return self.get_or_create(is_list=True, defaults=defaults)[0]

    def for_anybody(self) -> Self:
        return self.filter(tenant__isnull=True)


class PriceBook(models.Model):
    """A set of prices: the list, which holds where no other does; a plan's; or what was
    agreed with one tenant.
    """

    name = models.CharField(max_length=100, unique=True)
    tenant = models.OneToOneField(
        Tenant, models.PROTECT, null=True, blank=True, related_name="price_book"
    )
    """Null: for anybody."""
    is_list = models.BooleanField(default=False)
    currency = models.CharField(max_length=3, default=CURRENCY)
    """Of all its prices; one currency so far."""
    created_at = models.DateTimeField()

    objects = PriceBookQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["is_list"], condition=Q(is_list=True), name="price_list_once"
            ),
            models.CheckConstraint(
                condition=Q(is_list=False) | Q(tenant__isnull=True),
                name="price_list_is_for_anybody",
            ),
            models.CheckConstraint(
                condition=Q(currency=CURRENCY), name="price_book_in_usd"
            ),
        ]
        # What was billed by it must not become another's.
        triggers = [*append_only("a price book never changes"), no_truncate()]

    def __str__(self) -> str:
        return self.name
