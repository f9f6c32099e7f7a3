"""What a model's tokens cost, from when to when."""

from collections.abc import Collection
from datetime import datetime
from typing import Self

import msgspec
import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, QuerySet

from billing.domain.price_models import MeterPricing
from billing.domain.rating import Price, Rates
from billing.models.price_books import PriceBook
from inference.models import ServedModel
from tenants.append_only import no_truncate

# Usage names the version it was admitted under, for ever: a version is never deleted,
# and the one change it may see is the end that its successor gives it.
_NEVER_CHANGES = """
IF TG_OP = 'UPDATE'
    AND to_jsonb(NEW) - 'effective_to' = to_jsonb(OLD) - 'effective_to'
    AND (OLD.effective_to IS NULL OR OLD.effective_to = NEW.effective_to)
THEN
    RETURN NEW;
END IF;
RAISE EXCEPTION 'a price version never changes: % refused', TG_OP
    USING ERRCODE = 'restrict_violation';
"""


class PriceVersionQuerySet(QuerySet["PriceVersion"]):
    def of_model(self, served_model: ServedModel) -> Self:
        return self.filter(served_model=served_model)

    def of_books(self, price_books: Collection[PriceBook]) -> Self:
        return self.filter(price_book__in=price_books)

    def in_effect_at(self, at: datetime) -> Self:
        """At most one per book and model."""
        return self.filter(
            Q(effective_to__isnull=True) | Q(effective_to__gt=at),
            effective_from__lte=at,
        )


class PriceVersion(models.Model):
    """The rates of one served model over a half-open span of time, in one book."""

    price_book = models.ForeignKey(
        PriceBook, models.PROTECT, related_name="price_versions"
    )
    served_model = models.ForeignKey(
        ServedModel, models.PROTECT, related_name="price_versions"
    )
    new_input_nanos_per_million = models.BigIntegerField()
    """Input tokens that the prefix cache did not hold."""
    cached_input_nanos_per_million = models.BigIntegerField()
    output_nanos_per_million = models.BigIntegerField()
    image_nanos_per_million = models.BigIntegerField(null=True, blank=True)
    """Null: images of the model are not sold."""
    hbm_mb_s_nanos_per_million = models.BigIntegerField(null=True, blank=True)
    """Of leases in the engine's memory, per million MB_s (10^6 byte-seconds); null: not
    sold."""
    host_mb_s_nanos_per_million = models.BigIntegerField(null=True, blank=True)
    """Of leases in host memory; null: not sold."""
    disk_mb_s_nanos_per_million = models.BigIntegerField(null=True, blank=True)
    """Of leases on disk; null: not sold."""
    pricings_document = models.JSONField(default=dict, blank=True)
    """How the meters are priced that are not standard, as `MeterPricing` by meter: here
    rather than in rows of their own, so that none can be added later. The rate of such
    a meter above is the dearest that its units cost."""
    effective_from = models.DateTimeField()
    """The first instant at which it applies."""
    effective_to = models.DateTimeField(null=True, blank=True)
    """The first instant at which it no longer applies; null: open."""
    created_at = models.DateTimeField()
    """When it was set; may be before it applies."""

    objects = PriceVersionQuerySet.as_manager()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="price_versions_do_not_overlap",
                expressions=[
                    ("price_book", RangeOperators.EQUAL),
                    ("served_model", RangeOperators.EQUAL),
                    (
                        Func(
                            F("effective_from"),
                            F("effective_to"),
                            function="TSTZRANGE",
                            output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
            models.CheckConstraint(
                condition=Q(
                    new_input_nanos_per_million__gte=0,
                    cached_input_nanos_per_million__gte=0,
                    output_nanos_per_million__gte=0,
                ),
                name="price_rates_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(image_nanos_per_million__gte=0),
                name="price_image_rate_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(hbm_mb_s_nanos_per_million__gte=0)
                & Q(host_mb_s_nanos_per_million__gte=0)
                & Q(disk_mb_s_nanos_per_million__gte=0),
                name="price_lease_rates_not_negative",
            ),
            # An empty span would overlap nothing and could not apply to anything.
            models.CheckConstraint(
                condition=Q(effective_to__isnull=True)
                | Q(effective_to__gt=F("effective_from")),
                name="price_span_not_empty",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="never_changes",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func=_NEVER_CHANGES,
            ),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return f"{self.served_model.name} from {self.effective_from:%Y-%m-%d %H:%M}"

    @property
    def rates(self) -> Rates:
        return Rates(
            new_input_nanos_per_million=self.new_input_nanos_per_million,
            cached_input_nanos_per_million=self.cached_input_nanos_per_million,
            output_nanos_per_million=self.output_nanos_per_million,
            image_nanos_per_million=self.image_nanos_per_million,
            hbm_mb_s_nanos_per_million=self.hbm_mb_s_nanos_per_million,
            host_mb_s_nanos_per_million=self.host_mb_s_nanos_per_million,
            disk_mb_s_nanos_per_million=self.disk_mb_s_nanos_per_million,
        )

    @property
    def pricings(self) -> dict[str, MeterPricing]:
        """By meter; of those that are not standard."""
        return msgspec.convert(self.pricings_document, dict[str, MeterPricing])

    @property
    def price(self) -> Price:
        """Asks for the model's name."""
        return Price(
            price_version_id=self.pk,
            model=self.served_model.name,
            rates=self.rates,
            pricings=self.pricings,
        )
