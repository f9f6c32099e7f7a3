"""Who sells, who buys, as invoices print them."""

from django.db import models
from django.db.models import Q

from tenants.models import Tenant

_TWO_LETTERS = r"^[A-Z]{2}$"


class LegalEntity(models.Model):
    """Who sells: its name stands on each invoice, which draws its number from a series
    of its own. The first one is the default.
    """

    name = models.CharField(max_length=200)
    address = models.CharField(max_length=300, blank=True)
    """Street and number, as one line."""
    postcode = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    country = models.CharField(max_length=2, default="US")
    """ISO 3166-1, two letters."""
    vat_id = models.CharField("VAT id", max_length=20, blank=True)
    """Empty: not registered, so no tax is charged."""
    email = models.EmailField(blank=True)
    iban = models.CharField("IBAN", max_length=34, blank=True)
    """Where bank transfers go; empty: none are offered."""
    bic = models.CharField("BIC", max_length=11, blank=True)
    number_prefix = models.CharField(max_length=10, unique=True, default="TF")
    """Of its invoice numbers."""
    is_tax_inclusive = models.BooleanField(default=False)
    """Its prices include tax."""
    payment_days = models.PositiveSmallIntegerField(default=14)
    """From issue to when an invoice is due."""

    class Meta:
        verbose_name_plural = "legal entities"
        constraints = [
            models.CheckConstraint(
                condition=Q(country__regex=_TWO_LETTERS), name="legal_entity_country"
            )
        ]

    def __str__(self) -> str:
        return self.name


class TaxProfile(models.Model):
    """A tenant's billing details; an invoice keeps a copy of them as it is issued."""

    tenant = models.OneToOneField(Tenant, models.PROTECT, related_name="tax_profile")
    legal_entity = models.ForeignKey(
        LegalEntity, models.PROTECT, null=True, blank=True, related_name="tenants"
    )
    """Who sells to it; null: the first one."""
    name = models.CharField(max_length=200)
    """As invoices shall say it."""
    address = models.CharField(max_length=300, blank=True)
    postcode = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    country = models.CharField(max_length=2)
    """ISO 3166-1, two letters."""
    is_business = models.BooleanField(default=True)
    vat_id = models.CharField("VAT id", max_length=20, blank=True)
    email = models.EmailField(blank=True)
    """Where invoices are sent; empty: to the owners."""
    reference = models.CharField(max_length=100, blank=True)
    """The buyer's own, such as a purchase order, printed on invoices."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(country__regex=_TWO_LETTERS), name="tax_profile_country"
            )
        ]

    def __str__(self) -> str:
        return self.name
