"""The operator answers a dispute: by a credit note, or with an explanation."""

from datetime import datetime

from django.utils.translation import gettext

from billing.errors import NoResolutionError
from billing.models.disputes import DisputeStatus, LineDispute


def resolve_dispute(dispute_id: int, *, resolution: str, now: datetime) -> LineDispute:
    """The dispute, with `resolution` for the tenant to read; one that was resolved
    before stays as it is. Raises NoResolutionError for empty words and
    LineDispute.DoesNotExist.
    """
    if not resolution.strip():
        raise NoResolutionError(gettext("Say what came of it."))
    LineDispute.objects.filter(pk=dispute_id, status=DisputeStatus.OPEN).update(
        status=DisputeStatus.RESOLVED, resolution=resolution.strip(), resolved_at=now
    )
    return LineDispute.objects.get(pk=dispute_id)
