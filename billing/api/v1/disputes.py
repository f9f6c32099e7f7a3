"""`/api/v1/disputes`: lines that a tenant holds for wrong, and what staff answered."""

from datetime import datetime

import msgspec
from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.pages import Page, PageQuery, newest_first
from billing.api.v1.texts import Paragraph
from billing.api.v1.view import ApiView, repeatable
from billing.models.disputes import LineDispute
from billing.services.receipts.resolve_dispute import resolve_dispute


class DisputeDocument(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    invoice_id: int
    line: str
    """Its key."""
    status: str
    note: str
    """In the tenant's words; empty: the arithmetic itself differed."""
    billed_nanos: int
    derived_nanos: int
    """What the usage events came to when it was opened."""
    opened_at: datetime
    resolution: str | None
    resolved_at: datetime | None


class ResolutionBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    resolution: Paragraph
    """For the tenant to read; what is given back is a credit note."""


class Disputes(ApiView):
    @documented(
        name="list_disputes",
        summary="List disputed lines of invoices, the newest first",
        tag="invoices",
        query=PageQuery,
        answer=Page[DisputeDocument],
    )
    def get(self, request: Request) -> Response:
        del request
        rows = LineDispute.objects.filter(tenant=self.tenant).select_related("line")
        return Response(newest_first(rows, self.read_query(PageQuery), _describe))


class DisputeResolution(ApiView):
    @documented(
        name="resolve_dispute",
        summary="Answer a dispute; one that was answered stays as it is (staff)",
        tag="invoices",
        body=ResolutionBody,
        answer=DisputeDocument,
    )
    @repeatable
    def post(self, request: Request, dispute_id: int) -> Response:
        del request
        self.refuse_unless_staff()
        body = self.read_body(ResolutionBody)
        rows = LineDispute.objects.filter(tenant=self.tenant)
        if not rows.filter(pk=dispute_id).exists():
            raise Http404
        resolve_dispute(dispute_id, resolution=body.resolution, now=timezone.now())
        return Response(_describe(rows.select_related("line").get(pk=dispute_id)))


def _describe(dispute: LineDispute) -> DisputeDocument:
    return DisputeDocument(
        id=dispute.pk,
        invoice_id=dispute.line.invoice_id,
        line=dispute.line.key,
        status=dispute.status,
        note=dispute.note,
        billed_nanos=dispute.line.amount_nanos,
        derived_nanos=dispute.derived_amount_nanos,
        opened_at=dispute.opened_at,
        resolution=dispute.resolution or None,
        resolved_at=dispute.resolved_at,
    )
