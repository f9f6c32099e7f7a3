"""Who may do what: users, tenants, members, projects, API keys, and their limits."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from tenants.domain.currency import CURRENCIES, USD
from tenants.domain.limits import (
    AMOUNT_MAX,
    KV_TIMEOUT_SECONDS_MAX,
    TEXT_RETENTION_DAYS_MAX,
)
from tenants.domain.roles import Role
from tenants.tenant_choices import LeakResponse, Restriction
from tenants.user_models import User
from tenants.wire import (
    KeyScope,
    KvTier,
    LimitKind,
    OnFull,
    Retention,
    Scope,
    SpendPeriod,
)

# What is declared in files of their own is found here as well.
__all__ = ["LeakResponse", "Restriction", "User"]


class Tenant(models.Model):
    """The paying party; every row of use and money belongs to one."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(unique=True)
    cache_salt = models.CharField(max_length=64, unique=True)
    """Secret in the first KV block hash, so that tenants never share cached blocks."""
    created_at = models.DateTimeField()
    is_prepaid = models.BooleanField(default=False)
    """It may spend its credit and no more."""
    are_cached_tokens_limited = models.BooleanField(default=False)
    """Whether cached input counts against tokens per minute."""
    refuses_without_limiter = models.BooleanField(default=False)
    """When Valkey is away: refuse, rather than admit a bounded local share."""
    restriction = models.CharField(
        max_length=16,
        choices=Restriction,
        default=Restriction.NONE,
        db_default=Restriction.NONE,
    )
    """Follows from what is overdue; billing sets and lifts it."""
    suspended_at = models.DateTimeField(null=True, blank=True)
    """Since when staff have its calls refused; null: they have not. What it owes is
    another matter: neither lifts the other."""
    suspension_reason = models.CharField(
        max_length=300, blank=True, default="", db_default=""
    )
    """As its owners read it; empty while it is not suspended."""
    on_leak = models.CharField(
        max_length=8,
        choices=LeakResponse,
        default=LeakResponse.REVOKE,
        db_default=LeakResponse.REVOKE,
    )
    """What a report of one of its keys does."""
    currency = models.CharField(
        max_length=3,
        choices=[(code, code) for code in CURRENCIES],
        default=USD,
        db_default=USD,
    )
    """Of all its money. Books, documents and payments name it by a key together with
    the tenant, so it stays what it is once there are any."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(currency__in=CURRENCIES), name="tenant_currency_known"
            ),
            models.CheckConstraint(
                condition=Q(on_leak__in=LeakResponse.values),
                name="tenant_on_leak_known",
            ),
            models.UniqueConstraint(
                fields=["id", "currency"], name="tenant_of_currency"
            ),
            models.CheckConstraint(
                condition=Q(restriction__in=Restriction.values),
                name="tenant_restriction_known",
            ),
            models.CheckConstraint(
                condition=Q(suspended_at__isnull=True, suspension_reason="")
                | (Q(suspended_at__isnull=False) & ~Q(suspension_reason="")),
                name="tenant_suspension_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.name


ROLES = [(role.value, role.value) for role in Role]


class Member(models.Model):
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="members")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=ROLES)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user"], name="member_once_per_tenant"
            ),
            models.CheckConstraint(
                condition=Q(role__in=[role.value for role in Role]),
                name="member_role_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} since {self.created_at:%Y-%m-%d}"


_KV_TIERS = [(tier.value, tier.value) for tier in KvTier]
_ON_FULL = [(one.value, one.value) for one in OnFull]


class Project(models.Model):
    """Division of a tenant that holds keys and sees its own usage."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="projects")
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField()
    kv_timeout_seconds = models.PositiveIntegerField(
        "lease conversations for, seconds", null=True, blank=True
    )
    """For how long after each turn, where a call says nothing; null: not at all."""
    kv_tier = models.CharField(
        "lease in", max_length=8, choices=_KV_TIERS, default=KvTier.AUTO.value
    )
    kv_on_full = models.CharField(
        "without room",
        max_length=8,
        choices=_ON_FULL,
        default=OnFull.DEGRADE.value,
    )
    archived_at = models.DateTimeField(null=True, blank=True)
    """When it was put away with its keys; null: it is in use."""
    honours_cache_hints = models.BooleanField(default=False)
    """Whether `cache_control` and its like in other vendors' APIs buy leases."""
    text_retention_days = models.PositiveSmallIntegerField(
        "keep texts of calls for, days", null=True, blank=True
    )
    """Null: they are not kept."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"], name="project_name_once_per_tenant"
            ),
            models.CheckConstraint(
                condition=Q(kv_timeout_seconds__isnull=True)
                | Q(
                    kv_timeout_seconds__gt=0,
                    kv_timeout_seconds__lte=KV_TIMEOUT_SECONDS_MAX,
                ),
                name="project_kv_timeout_within_a_day",
            ),
            models.CheckConstraint(
                condition=Q(kv_tier__in=[tier.value for tier in KvTier]),
                name="project_kv_tier_known",
            ),
            models.CheckConstraint(
                condition=Q(kv_on_full__in=[one.value for one in OnFull]),
                name="project_kv_on_full_known",
            ),
            models.CheckConstraint(
                condition=Q(text_retention_days__isnull=True)
                | Q(
                    text_retention_days__gte=1,
                    text_retention_days__lte=TEXT_RETENTION_DAYS_MAX,
                ),
                name="project_texts_kept_within_bounds",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def retention(self) -> Retention:
        return Retention(
            timeout_seconds=self.kv_timeout_seconds,
            tier=KvTier(self.kv_tier),
            on_full=OnFull(self.kv_on_full),
            honours_cache_hints=self.honours_cache_hints,
        )


class ApiKey(models.Model):
    """Secret by which a caller acts for a project. The secret itself is not kept."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="api_keys")
    project = models.ForeignKey(Project, models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    """The part of the secret that pages show."""
    digest = models.BinaryField(max_length=32, unique=True)
    """SHA-256 of the secret."""
    created_by = models.ForeignKey(User, models.SET_NULL, null=True)
    """Null: issued by an operator's command, or the creator was deleted."""
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    """When it stops working by itself; null: never."""
    revoked_at = models.DateTimeField(null=True, blank=True)
    """When it was revoked; null: it was not."""
    restorable_until = models.DateTimeField(null=True, blank=True)
    """Until when its revocation may be taken back; null: it may not."""
    leaked_at = models.DateTimeField(null=True, blank=True)
    """When it was first said to have leaked; null: never."""
    replaces = models.OneToOneField(
        "self", models.SET_NULL, null=True, blank=True, related_name="replaced_by"
    )
    """The key whose place it takes, which expires soon; null: it was made by itself."""
    last_used_at = models.DateTimeField(null=True, blank=True)
    """The latest call that was metered; null: none yet."""
    allowed_models = ArrayField(models.CharField(max_length=100), null=True, blank=True)
    """Public model names the key may call; null: all."""
    scopes = ArrayField(models.CharField(max_length=16), null=True, blank=True)
    """What it may be used for (KeyScope); null: everything."""
    is_of_playground = models.BooleanField(default=False, db_default=False)
    """Whether the playground's page holds the secret, which is new each time and lives
    for minutes. One for each member and project, so that its use adds up."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "created_by"],
                condition=Q(is_of_playground=True, revoked_at__isnull=True),
                name="api_key_one_of_playground",
            ),
            models.CheckConstraint(
                condition=Q(scopes__isnull=True)
                | Q(
                    scopes__len__gt=0,
                    scopes__contained_by=[scope.value for scope in KeyScope],
                ),
                name="api_key_scopes_known",
            ),
            models.CheckConstraint(
                condition=Q(is_of_playground=False) | Q(expires_at__isnull=False),
                name="api_key_of_playground_expires",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def may(self, scope: KeyScope) -> bool:
        return self.scopes is None or scope.value in self.scopes


class OfSubject(models.Model):
    """A row that holds for the calls of one key, of one project, or of the whole
    tenant: which one follows from the column that is set.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="%(class)ss")
    project = models.ForeignKey(
        Project, models.CASCADE, null=True, blank=True, related_name="%(class)ss"
    )
    """Null: of one key, or of the whole tenant."""
    api_key = models.ForeignKey(
        ApiKey, models.CASCADE, null=True, blank=True, related_name="%(class)ss"
    )
    """Null: of a project, or of the whole tenant."""

    class Meta:
        abstract = True

    @property
    def scope(self) -> Scope:
        if self.api_key_id is not None:
            return Scope.KEY
        return Scope.TENANT if self.project_id is None else Scope.PROJECT

    @property
    def scope_id(self) -> int:
        """Id of the key, project or tenant."""
        return self.api_key_id or self.project_id or self.tenant_id


_ONE_SUBJECT = Q(project__isnull=True) | Q(api_key__isnull=True)
_PERIOD_NAMES = [period.value for period in SpendPeriod]
_PERIODS = [(name, name) for name in _PERIOD_NAMES]


class RateLimit(OfSubject):
    """At most so much per time. All limits that a call falls under hold together."""

    model = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001  null is no name
    """Public name: only calls of this model count. Null: those of all models."""
    kind = models.CharField(
        max_length=32, choices=[(kind.value, kind.value) for kind in LimitKind]
    )
    amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "project", "api_key", "model", "kind"],
                name="rate_limit_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=_ONE_SUBJECT, name="rate_limit_of_one_subject"
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, amount__lte=AMOUNT_MAX),
                name="rate_limit_amount_in_range",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in LimitKind]),
                name="rate_limit_kind_known",
            ),
            models.CheckConstraint(
                condition=~Q(model=""), name="rate_limit_model_not_empty"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.kind} of {self.model or 'all models'}"


class SpendLimit(OfSubject):
    """Hard: a call that might pass it is refused."""

    period = models.CharField(max_length=8, choices=_PERIODS)
    amount_nanos = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "project", "api_key", "period"],
                name="spend_limit_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=_ONE_SUBJECT, name="spend_limit_of_one_subject"
            ),
            models.CheckConstraint(
                condition=Q(amount_nanos__gt=0, amount_nanos__lte=AMOUNT_MAX),
                name="spend_limit_amount_in_range",
            ),
            models.CheckConstraint(
                condition=Q(period__in=_PERIOD_NAMES), name="spend_limit_period"
            ),
        ]

    def __str__(self) -> str:
        return f"spend limit of a {self.period}"


class Budget(OfSubject):
    """Soft: the tenant's owners are told by mail; no call is refused."""

    period = models.CharField(max_length=8, choices=_PERIODS)
    amount_nanos = models.BigIntegerField()
    thresholds_percent = ArrayField(models.PositiveSmallIntegerField())
    """Ascending; a mail each time so much of the amount is spent."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "project", "api_key", "period"],
                name="budget_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=_ONE_SUBJECT, name="budget_of_one_subject"
            ),
            models.CheckConstraint(
                condition=Q(amount_nanos__gt=0, amount_nanos__lte=AMOUNT_MAX),
                name="budget_amount_in_range",
            ),
            models.CheckConstraint(
                condition=Q(period__in=_PERIOD_NAMES), name="budget_period"
            ),
        ]

    def __str__(self) -> str:
        return f"budget of a {self.period}"
