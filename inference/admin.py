"""The operator's view of models and engines. Rows change through services alone."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from inference.cached_prompt_models import (
    CachedPrompt,
    CachedPromptEvent,
    CachedPromptPlacement,
)
from inference.capacity_models import EngineCapacity
from inference.lease_models import Lease, LeaseCursor, LeaseReceipt
from inference.models import Engine, ServedModel
from inference.services.drain_engine import drain_engine
from inference.services.resume_engine import resume_engine
from tenants.read_only_admin import ReadOnlyMixin


@admin.register(ServedModel)
class ServedModelAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    list_display = (
        "name",
        "title",
        "task",
        "context_tokens",
        "is_default",
        "created_at",
    )
    list_filter = ("is_default", "task")
    search_fields = ("name", "title")
    ordering = ("name",)


@admin.register(Engine)
class EngineAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    list_display = (
        "name",
        "model_name",
        "address",
        "state",
        "is_draining",
        "is_simulator",
        "checked_at",
        "ready_at",
    )
    fields = list_display
    list_filter = ("state", "is_draining", "is_simulator", "served_model__name")
    list_select_related = ("served_model",)
    search_fields = ("name", "address", "served_model__name")
    ordering = ("name",)
    actions = ("drain", "resume")

    @admin.display(description="Model", ordering="served_model__name")
    def model_name(self, row: Engine) -> str:
        return row.served_model.name

    def has_drain_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("inference.change_engine")

    @admin.action(description="Drain: give no new work", permissions=["drain"])
    def drain(self, request: HttpRequest, queryset: QuerySet[Engine]) -> None:
        for row in queryset:
            drain_engine(engine_id=row.pk)
        self.message_user(request, f"Draining {len(queryset)} engines.")

    @admin.action(description="Resume: give work again", permissions=["drain"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Engine]) -> None:
        for row in queryset:
            resume_engine(engine_id=row.pk)
        self.message_user(request, f"Resumed {len(queryset)} engines.")


@admin.register(Lease)
class LeaseAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    list_display = (
        "lease_id",
        "engine__name",
        "tenant_id",
        "state",
        "tier",
        "tokens",
        "bytes",
        "granted_ms",
        "until_ms",
        "ended_ms",
    )
    list_filter = ("state", "tier", "engine__name")
    list_select_related = ("engine",)
    search_fields = ("=lease_id", "=tenant_id")
    ordering = ("-id",)


@admin.register(LeaseReceipt)
class LeaseReceiptAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    list_display = (
        "sequence",
        "fact",
        "lease_id",
        "engine__name",
        "tenant_id",
        "tier",
        "bytes",
        "at_ms",
        "until_ms",
        "is_inferred",
        "reason",
    )
    list_filter = ("fact", "is_inferred", "engine__name")
    list_select_related = ("engine",)
    search_fields = ("=lease_id", "=tenant_id")
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(LeaseCursor)
class LeaseCursorAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    list_display = ("engine__name", "epoch", "sequence", "proven_ms", "gap_proven_ms")
    list_select_related = ("engine",)
    ordering = ("engine",)


@admin.register(CachedPrompt)
class CachedPromptAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    """What stands in a prompt is the tenant's own, and is not shown."""

    list_display = (
        "shown_id",
        "name",
        "tenant",
        "project",
        "served_model__name",
        "status",
        "tier",
        "lease_class",
        "token_count",
        "engine_count",
        "expires_at",
    )
    fields = (*list_display, "auto_renew", "created_at", "ended_at")
    list_filter = ("status", "tier", "lease_class", "served_model__name")
    list_select_related = ("tenant", "project", "served_model")
    search_fields = ("=public_id", "name", "tenant__name")
    ordering = ("-id",)


@admin.register(CachedPromptPlacement)
class CachedPromptPlacementAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    list_display = (
        "cached_prompt",
        "tenant",
        "engine__name",
        "state",
        "tier",
        "blocks",
        "bytes",
        "lease_id",
        "lease_expires_at",
        "is_lost",
        "failures",
        "refusal",
    )
    list_filter = ("state", "tier", "is_lost", "engine__name")
    list_select_related = ("cached_prompt", "tenant", "engine")
    search_fields = ("=lease_id", "cached_prompt__name", "tenant__name")
    ordering = ("-id",)


@admin.register(CachedPromptEvent)
class CachedPromptEventAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    list_display = (
        "happened_at",
        "kind",
        "cached_prompt",
        "tenant",
        "engine",
        "lease_id",
        "tokens",
        "reason",
    )
    list_filter = ("kind", "engine__name")
    list_select_related = ("cached_prompt", "tenant", "engine")
    search_fields = ("=lease_id", "cached_prompt__name", "tenant__name")
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(EngineCapacity)
class EngineCapacityAdmin(ReadOnlyMixin, ModelAdmin):  # type: ignore[misc]
    list_display = (
        "engine__name",
        "tier",
        "sellable_blocks",
        "guaranteed_blocks",
        "tenant_blocks",
        "held_blocks",
        "block_tokens",
        "block_bytes",
        "unsupported",
        "read_at",
    )
    list_filter = ("tier", "engine__name")
    list_select_related = ("engine",)
    ordering = ("engine", "tier")
