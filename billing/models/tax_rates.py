"""Standard tax rates by country, as staff enter them."""

from datetime import date
from typing import Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Func, Q, QuerySet

from billing.domain.money import BASIS_POINTS

_COUNTRY = RegexValidator(r"^[A-Z]{2}$", "Two capital letters, as in ISO 3166-1.")


class TaxRateQuerySet(QuerySet["TaxRate"]):
    def on(self, day: date) -> Self:
        """At most one per country."""
        return self.filter(
            Q(effective_to__isnull=True) | Q(effective_to__gt=day),
            effective_from__lte=day,
        )


class TaxRate(models.Model):
    """The standard rate of one country over a half-open span of days.

    An invoice keeps what it was taxed with, so that a rate may be put right here.
    """

    country = models.CharField(max_length=2, validators=[_COUNTRY])
    """ISO 3166-1."""
    rate_basis_points = models.PositiveIntegerField(
        help_text="In hundredths of a percent: 1900 is 19 %."
    )
    effective_from = models.DateField()
    """The first day on which it applies."""
    effective_to = models.DateField(null=True, blank=True)
    """The first day on which it no longer applies; null: open."""

    objects = TaxRateQuerySet.as_manager()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="tax_rates_do_not_overlap",
                expressions=[
                    ("country", RangeOperators.EQUAL),
                    (
                        Func(
                            F("effective_from"),
                            F("effective_to"),
                            function="DATERANGE",
                            output_field=DateRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
            models.CheckConstraint(
                condition=Q(rate_basis_points__lte=BASIS_POINTS),
                name="tax_rate_at_most_all",
            ),
            models.CheckConstraint(
                condition=Q(effective_to__isnull=True)
                | Q(effective_to__gt=F("effective_from")),
                name="tax_rate_span_not_empty",
            ),
            models.CheckConstraint(
                condition=Q(country__regex=r"^[A-Z]{2}$"), name="tax_rate_country_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.country} from {self.effective_from}"
