"""What a tenant's usage of a span costs, straight from the rollups."""

from billing.domain.periods import Period
from billing.domain.rating import Charge, Price, Usage, rate
from billing.models.prices import PriceVersion
from metering.models import UsageRollup


def read_charges(tenant_id: int, span: Period) -> list[Charge]:
    """Of the hours that begin in `span`. Raises UnpricedUsageError."""
    rollups = UsageRollup.objects.of_tenant(tenant_id).between(span.start, span.end)
    usages = [Usage(**row) for row in rollups.totals("model", "price_version_id")]
    return rate(usages, _prices({usage.price_version_id for usage in usages}))


def _prices(ids: set[int]) -> dict[int, Price]:
    versions = PriceVersion.objects.filter(pk__in=ids).select_related("served_model")
    return {
        version.pk: Price(
            price_version_id=version.pk,
            model=version.served_model.name,
            rates=version.rates,
        )
        for version in versions
    }
