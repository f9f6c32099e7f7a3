"""Facts to look at: nothing here can be added, changed or deleted."""

import re
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

import metering.audit_admin  # noqa: F401  registers its pages
from metering.lease_models import LeaseInterval
from metering.models import JournalCursor, OpenHour, UsageEvent, UsageRollup

if TYPE_CHECKING:
    _Base = admin.ModelAdmin[Any]
else:
    _Base = ModelAdmin


class ReadOnlyAdmin(_Base):
    show_full_result_count = False
    """A count of all events would read every partition."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: object = None,  # noqa: ARG002
    ) -> bool:
        return False

    def has_delete_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: object = None,  # noqa: ARG002
    ) -> bool:
        return False


_REQUEST_ID = re.compile(r"(?:req_)?([0-9a-f]{32})")
_TENANT_ID = re.compile(r"[0-9]{1,18}")


def _matching(events: QuerySet[UsageEvent], term: str) -> QuerySet[UsageEvent]:
    if not term:
        return events
    if request_id := _REQUEST_ID.fullmatch(term.replace("-", "")):
        return events.filter(event_id=request_id[1])
    if _TENANT_ID.fullmatch(term):
        return events.filter(tenant_id=term)
    return events.none()


@admin.register(UsageEvent)
class UsageEventAdmin(ReadOnlyAdmin):
    list_display = (
        "event_id",
        "happened_at",
        "tenant_id",
        "api_key_id",
        "model",
        "outcome",
        "usage_source",
        "input_tokens",
        "cached_input_tokens",
        "leased_input_tokens",
        "output_tokens",
        "images",
        "cost_nanos",
        "tries",
    )
    list_filter = ("usage_source", "outcome")
    search_fields = ("event_id", "tenant_id")
    search_help_text = "A request id (with or without req_) or the number of a tenant."
    ordering = ("-happened_at",)

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[UsageEvent],
        search_term: str,
    ) -> tuple[QuerySet[UsageEvent], bool]:
        # Django would compare the ids as text: past every index, and never equal to
        # a request id, which has no dashes.
        return _matching(queryset, search_term.strip().lower()), False


@admin.register(UsageRollup)
class UsageRollupAdmin(ReadOnlyAdmin):
    list_display = (
        "hour_at",
        "tenant_id",
        "project_id",
        "api_key_id",
        "model",
        "price_version_id",
        "meter",
        "quantity",
        "event_count",
    )
    list_filter = ("meter",)
    search_fields = ("=tenant_id", "=api_key_id", "model")
    date_hierarchy = "hour_at"
    ordering = ("-hour_at", "tenant_id", "model", "meter")


@admin.register(LeaseInterval)
class LeaseIntervalAdmin(ReadOnlyAdmin):
    list_display = (
        "lease_id",
        "tenant_id",
        "model",
        "engine_id",
        "tier",
        "bytes",
        "started_at",
        "ended_at",
        "mb_s",
        "credit_reason",
    )
    list_filter = ("tier", "credit_reason")
    search_fields = ("=tenant_id",)
    ordering = ("-ended_at", "-id")


@admin.register(OpenHour)
class OpenHourAdmin(ReadOnlyAdmin):
    list_display = ("hour_at", "tenant_id", "generation")
    ordering = ("hour_at",)


@admin.register(JournalCursor)
class JournalCursorAdmin(ReadOnlyAdmin):
    list_display = (
        "folder",
        "segment",
        "shipped_bytes",
        "boot_id",
        "sequence",
        "ended_at",
    )
    ordering = ("folder", "segment")
