"""The audit log: who did what to members, keys, limits and money."""

from collections.abc import Iterator

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from frontend.access import Access, tenant_page_for
from frontend.csv_file import csv_lines
from frontend.members.audit_log import AuditFilter
from frontend.tables import Rules, read_table
from tenants.audit_models import AuditEntry
from tenants.domain.roles import Permission

_CSV_HEAD = ("at", "who", "as", "action", "id", "words")
_CSV_ROWS_MAX = 100_000
_ENTRIES = Rules(
    sorts={"when": "pk", "who": "actor_name", "action": "action"}, default="-when"
)


@require_safe
@tenant_page_for(Permission.MANAGE)
def audit_log(request: HttpRequest, access: Access) -> HttpResponse:
    """Pages go by id: what is written meanwhile moves none of them."""
    form = AuditFilter.of(request.GET)
    rows = form.rows_of(access.tenant)
    table = read_table(request.GET, rows.order_by(), _ENTRIES)
    context = {"form": form, "table": table, "entries": table.rows}
    return render(request, "frontend/members/audit_log.html", context)


@require_safe
@tenant_page_for(Permission.MANAGE)
def audit_csv(request: HttpRequest, access: Access) -> StreamingHttpResponse:
    rows = AuditFilter.of(request.GET).rows_of(access.tenant)[:_CSV_ROWS_MAX]
    response = StreamingHttpResponse(
        csv_lines(_CSV_HEAD, _csv_rows(rows)), content_type="text/csv; charset=utf-8"
    )
    name = f"tokenfab-audit-{timezone.now().date().isoformat()}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _csv_rows(rows: QuerySet[AuditEntry]) -> Iterator[tuple[object, ...]]:
    for row in rows.iterator():
        yield (
            row.at.isoformat(),
            row.actor_name,
            row.actor_kind,
            row.action,
            row.about_id,
            row.words,
        )
