"""The audit for operators: readings, epochs, statements; one thing can be typed in, the
reason for which a difference is accepted.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminTextareaWidget

from inference.models import Engine
from metering.audit_models import (
    EngineEpoch,
    EngineReading,
    QuarantinedSegment,
    ReconciliationLine,
    ReconciliationStatement,
    StatementAcceptance,
)
from metering.domain.reconciliation import Status
from metering.services.accept_statement import (
    REASON_CHARACTERS_MIN,
    accept_statement,
)
from metering.statement_picture import statement_picture
from tenants.read_only_admin import NeitherAddedNorDeletedMixin, ReadOnlyMixin


@admin.display(description="Engine", ordering="engine_id")
def engine_name(row: EngineEpoch | ReconciliationStatement) -> str:
    return _name_of(row.engine_id)


@admin.display(description="Engine")
def engine_of_reading(row: EngineReading) -> str:
    return _name_of(row.epoch.engine_id)


def _name_of(engine_id: int) -> str:
    found = Engine.objects.filter(pk=engine_id).values_list("name", flat=True).first()
    return found or f"number {engine_id}"


@admin.register(EngineEpoch)
class EngineEpochAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    list_display = ("started_at", engine_name, "is_start_known")
    list_filter = ("engine_id",)
    ordering = ("-started_at",)


@admin.register(EngineReading)
class EngineReadingAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    list_display = (
        "asked_at",
        engine_of_reading,
        "model",
        "computed_input_tokens",
        "cached_input_tokens",
        "external_input_tokens",
        "output_tokens",
        "running_requests",
        "waiting_requests",
    )
    list_filter = ("epoch__engine_id",)
    list_select_related = ("epoch",)
    ordering = ("-asked_at",)
    show_full_result_count = False


class LineInline(ReadOnlyMixin, TabularInline):  # type: ignore[misc]
    model = ReconciliationLine
    extra = 0


class AcceptanceForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in stubs only
    reason = forms.CharField(
        widget=UnfoldAdminTextareaWidget,
        min_length=REASON_CHARACTERS_MIN,
        label="Accept the difference, because",
        help_text="Invoices of that day can be issued then. It is kept with your name.",
    )

    class Meta:
        model = ReconciliationStatement
        fields = ()


class VersionFilter(admin.SimpleListFilter):
    """A day has a new version each hour while it runs: the latest unless asked."""

    title = "version"
    parameter_name = "versions"

    def lookups(self, *_: object) -> list[tuple[str, str]]:
        return [("all", "All versions")]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002  Django's own signature
        queryset: QuerySet[ReconciliationStatement],
    ) -> QuerySet[ReconciliationStatement]:
        if self.value() == "all":
            return queryset
        current = ReconciliationStatement.objects.current()
        return queryset.filter(pk__in=current.values("pk"))


@admin.register(ReconciliationStatement)
class ReconciliationStatementAdmin(NeitherAddedNorDeletedMixin, ModelAdmin):  # type: ignore[misc]
    list_display = (
        "day",
        engine_name,
        "model",
        "status",
        "difference",
        "accepted",
        "events",
        "unprovable_events",
        "version",
    )
    list_filter = ("status", VersionFilter, "engine_id")
    date_hierarchy = "day"
    ordering = ("-day", "engine_id", "-version")
    inlines = (LineInline,)
    _shown = (
        *("picture", "picture_of_last", "status", "accepted", "day", engine_name),
        *("model", "epoch", "version", "opening", "closing", "last"),
        *("events", "events_left", "unprovable_events"),
        *("unprovable_input_tokens", "unprovable_output_tokens"),
        *("shipped_up_to", "judged_at"),
    )
    readonly_fields = _shown

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReconciliationStatement]:
        found: QuerySet[ReconciliationStatement] = super().get_queryset(request)
        return found.select_related(
            "acceptance__accepted_by", "epoch"
        ).prefetch_related("lines")

    def has_change_permission(
        self, request: HttpRequest, obj: ReconciliationStatement | None = None
    ) -> bool:
        """Only where there is something to accept."""
        return bool(
            obj is not None
            and obj.status == Status.DRIFTED
            and not hasattr(obj, "acceptance")
            and request.user.has_perm("metering.add_statementacceptance")
        )

    def get_fields(
        self, request: HttpRequest, obj: ReconciliationStatement | None = None
    ) -> tuple[Any, ...]:
        can_accept = self.has_change_permission(request, obj)
        return ("picture", "reason", *self._shown[1:]) if can_accept else self._shown

    def get_form(self, *arguments: Any, **options: Any) -> type[forms.ModelForm]:  # type: ignore[type-arg]
        return super().get_form(*arguments, **options | {"form": AcceptanceForm})  # type: ignore[no-any-return]

    def save_model(
        self,
        request: HttpRequest,
        obj: ReconciliationStatement,
        form: AcceptanceForm,
        change: bool,  # noqa: ARG002  Django's own signature
    ) -> None:
        accept_statement(
            obj.pk,
            reason=form.cleaned_data["reason"],
            accepted_by=request.user,  # type: ignore[arg-type]  # staff only get here
            now=timezone.now(),
        )

    @admin.display(description="At rest")
    def picture(self, row: ReconciliationStatement) -> SafeString | str:
        return _picture(row, is_exact=True)

    @admin.display(description="At the last reading, with calls in flight")
    def picture_of_last(self, row: ReconciliationStatement) -> SafeString | str:
        return _picture(row, is_exact=False)

    @admin.display(description="Difference")
    def difference(self, row: ReconciliationStatement) -> str:
        shown = [line for line in row.lines.all() if line.difference]
        return ", ".join(f"{line.source} {line.difference:+}" for line in shown) or "0"

    @admin.display(description="Accepted")
    def accepted(self, row: ReconciliationStatement) -> str:
        if not hasattr(row, "acceptance"):
            return "-"
        taken: StatementAcceptance = row.acceptance
        at = f"{taken.accepted_at:%Y-%m-%d %H:%M} UTC"
        return f"{taken.accepted_by.email}, {at}: {taken.reason}"


def _picture(row: ReconciliationStatement, *, is_exact: bool) -> SafeString | str:
    lines = [line for line in row.lines.all() if line.is_exact == is_exact]
    lines.sort(key=lambda line: line.pk)
    return statement_picture(lines) if lines else "-"


@admin.register(QuarantinedSegment)
class QuarantinedSegmentAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    list_display = ("found_at", "folder", "segment")
    ordering = ("-found_at",)
