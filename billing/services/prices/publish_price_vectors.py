"""Tell the data plane under which price a call is admitted."""

from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from metering.wire import (
    LIST_BOOK_ID,
    LIST_CURRENCY,
    SNAPSHOT_KIND,
    PriceVector,
)
from tenants.services.publish_snapshot import publish_snapshot
from tenants.switches_models import Switches

REMEMBERED_FOR = timedelta(days=1)
"""So long a version stays after its end, for proxies whose clock is behind. Versions
that are not yet effective are sent too: the data plane switches by itself."""


def publish_price_vectors() -> int:
    """The snapshot's version. Raises what `publish_snapshot` raises."""
    return publish_snapshot(SNAPSHOT_KIND, lambda: read_price_vectors(timezone.now()))


def read_price_vectors(now: datetime) -> list[PriceVector]:
    rows = PriceVersion.objects.filter(
        Q(effective_to__isnull=True) | Q(effective_to__gt=now - REMEMBERED_FOR)
    )
    related = rows.select_related("served_model", "price_book")
    sells_leases = not Switches.objects.filter(sells_leases=False).exists()
    return [
        _vector(row, sells_leases=sells_leases)
        for row in related.order_by("served_model_id", "id")
    ]


def _vector(row: PriceVersion, *, sells_leases: bool) -> PriceVector:
    return PriceVector(
        price_version_id=row.pk,
        model=row.served_model.name,
        new_input_nanos_per_million=row.new_input_nanos_per_million,
        cached_input_nanos_per_million=row.cached_input_nanos_per_million,
        output_nanos_per_million=row.output_nanos_per_million,
        image_nanos_per_million=row.image_nanos_per_million,
        hbm_mb_s_nanos_per_million=row.hbm_mb_s_nanos_per_million,
        host_mb_s_nanos_per_million=row.host_mb_s_nanos_per_million,
        disk_mb_s_nanos_per_million=row.disk_mb_s_nanos_per_million,
        price_book_id=_book_id(row.price_book),
        effective_from=row.effective_from.timestamp(),
        effective_to=row.effective_to.timestamp() if row.effective_to else None,
        sells_leases=sells_leases,
    )


def _book_id(book: PriceBook) -> int:
    is_the_list = book.is_list and book.currency == LIST_CURRENCY
    return LIST_BOOK_ID if is_the_list else book.pk
