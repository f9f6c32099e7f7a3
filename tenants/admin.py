"""The operator's view of tenants, keys and limits; rows change through services."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline

from tenants.errors import TenantsError
from tenants.limits_admin import (
    KeyBudgets,
    KeyRateLimits,
    KeySpendLimits,
    SavesLimitsMixin,
    TenantBudgets,
    TenantRateLimits,
    TenantSpendLimits,
)
from tenants.models import ApiKey, Member, Project, Tenant, User
from tenants.read_only_admin import NeitherAddedNorDeletedMixin, ReadOnlyMixin
from tenants.services.revoke_api_key import revoke_api_key
from tenants.services.set_retention import set_retention
from tenants.services.set_terms import set_terms


class MemberInline(ReadOnlyMixin, TabularInline):  # type: ignore[misc]
    model = Member
    fields = ("user", "role", "created_at")
    extra = 0


class ProjectInline(ReadOnlyMixin, TabularInline):  # type: ignore[misc]
    model = Project
    fields = ("name", "created_at")
    extra = 0


@admin.register(Tenant)
class TenantAdmin(
    SavesLimitsMixin,
    NeitherAddedNorDeletedMixin,
    ModelAdmin,  # type: ignore[misc]
):
    list_display = ("name", "slug", "currency", "key_count", "created_at")
    list_filter = ("currency", "created_at")
    search_fields = ("name", "slug", "members__user__email")
    ordering = ("-created_at",)
    readonly_fields = ("name", "slug", "currency", "created_at")
    fields = (
        *readonly_fields,
        "is_prepaid",
        "are_cached_tokens_limited",
        "refuses_without_limiter",
    )  # never the cache salt
    inlines = (
        TenantRateLimits,
        TenantSpendLimits,
        TenantBudgets,
        MemberInline,
        ProjectInline,
    )

    def save_model(
        self, request: HttpRequest, obj: Tenant, form: Any, change: bool
    ) -> None:
        del request, form, change
        set_terms(
            tenant_id=obj.pk,
            is_prepaid=obj.is_prepaid,
            are_cached_tokens_limited=obj.are_cached_tokens_limited,
            refuses_without_limiter=obj.refuses_without_limiter,
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        rows: QuerySet[Tenant] = super().get_queryset(request)
        return rows.annotate(key_count=Count("api_keys", distinct=True))

    @admin.display(description="Keys", ordering="key_count")
    def key_count(self, row: Tenant) -> int:
        return int(getattr(row, "key_count", 0))


@admin.register(Project)
class ProjectAdmin(NeitherAddedNorDeletedMixin, ModelAdmin):  # type: ignore[misc]
    list_display = ("name", "tenant", "kv_timeout_seconds", "honours_cache_hints")
    list_select_related = ("tenant",)
    search_fields = ("name", "tenant__name", "tenant__slug")
    ordering = ("tenant__name", "name")
    readonly_fields = ("tenant", "name", "created_at")
    fields = (
        *readonly_fields,
        "kv_timeout_seconds",
        "kv_tier",
        "kv_on_full",
        "honours_cache_hints",
    )

    def save_model(
        self, request: HttpRequest, obj: Project, form: Any, change: bool
    ) -> None:
        del form, change
        try:
            set_retention(
                project_id=obj.pk, tenant_id=obj.tenant_id, retention=obj.retention
            )
        except TenantsError as error:
            messages.error(request, str(error))


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, *_: object) -> list[tuple[str, str]]:
        return [("active", "Active"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 Django's signature
        queryset: QuerySet[ApiKey],
    ) -> QuerySet[ApiKey]:
        now = timezone.now()
        if self.value() == "revoked":
            return queryset.filter(revoked_at__isnull=False)
        if self.value() == "expired":
            return queryset.filter(revoked_at__isnull=True, expires_at__lte=now)
        if self.value() == "active":
            return queryset.filter(revoked_at__isnull=True).exclude(expires_at__lte=now)
        return queryset


@admin.register(ApiKey)
class ApiKeyAdmin(
    SavesLimitsMixin,
    NeitherAddedNorDeletedMixin,
    ModelAdmin,  # type: ignore[misc]
):
    list_display = (
        "prefix",
        "name",
        "tenant_name",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_filter = (StateFilter, "created_at", "last_used_at")
    list_select_related = ("tenant",)
    search_fields = ("prefix", "name", "tenant__name", "tenant__slug")
    ordering = ("-created_at",)
    fields = (
        *list_display,
        "project_name",
        "created_by",
        "allowed_models",
    )  # never the digest
    readonly_fields = fields
    inlines = (KeyRateLimits, KeySpendLimits, KeyBudgets)
    actions = ("revoke",)

    def save_model(self, *_: object) -> None:
        """Nothing of the key itself is typed in here."""

    @admin.display(description="Tenant", ordering="tenant__name")
    def tenant_name(self, row: ApiKey) -> str:
        return f"{row.tenant.name} ({row.tenant.slug})"

    @admin.display(description="Project")
    def project_name(self, row: ApiKey) -> str:
        return row.project.name

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tenants.change_apikey")

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        now = timezone.now()
        revoked = [
            revoke_api_key(api_key_id=row.pk, tenant=row.tenant, now=now)
            for row in queryset.select_related("tenant")
        ]
        self.message_user(request, f"Revoked {sum(revoked)} keys.")


@admin.register(User)
class UserAdmin(ModelAdmin):  # type: ignore[misc]
    """Operators lock a user out or make one an operator; passwords are the user's."""

    list_display = ("email", "is_active", "is_staff", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff", "date_joined")
    search_fields = ("email",)
    ordering = ("-date_joined",)
    fields = (
        "email",
        "is_active",
        "is_staff",
        "is_superuser",
        "date_joined",
        "last_login",
    )
    readonly_fields = ("email", "date_joined", "last_login")

    def get_readonly_fields(
        self,
        request: HttpRequest,
        obj: User | None = None,  # noqa: ARG002 Django's signature
    ) -> tuple[str, ...]:
        """Staff who may edit users must not be able to make themselves superusers."""
        if request.user.is_superuser:
            return self.readonly_fields
        return (*self.readonly_fields, "is_staff", "is_superuser")

    def has_add_permission(self, *_: object) -> bool:
        return False

    def has_delete_permission(self, *_: object) -> bool:
        return False
