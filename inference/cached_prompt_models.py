"""Cached prompts: what was bought, where it lies, and what happened to it."""

from typing import Self
from uuid import uuid4

from django.db import models
from django.db.models import F, Q, QuerySet

from inference.domain.lease_terms import LeaseClass, Tier
from inference.models import Engine, ServedModel
from tenants.append_only import append_only, no_truncate
from tenants.models import ApiKey, Project, Tenant

PREFIX = "cp_"
ENGINES_MAX = 8
_HISTORY = "the history of cached prompts is kept"
_TIERS = [(tier.value, tier.value) for tier in Tier]
_CLASSES = [(one.value, one.value) for one in LeaseClass]


class CachedPromptStatus(models.TextChoices):
    WARMING = "warming"
    """It is being made; nobody can use it yet."""
    READY = "ready"
    DEGRADED = "degraded"
    """An engine that should hold it does not. Calls in time cost what was promised."""
    EXPIRED = "expired"
    DELETED = "deleted"


LIVING = (
    CachedPromptStatus.WARMING,
    CachedPromptStatus.READY,
    CachedPromptStatus.DEGRADED,
)
USABLE = (CachedPromptStatus.READY, CachedPromptStatus.DEGRADED)


class CachedPromptQuerySet(QuerySet["CachedPrompt"]):
    def of_project(self, project_id: int) -> Self:
        return self.filter(project_id=project_id)

    def living(self) -> Self:
        return self.filter(status__in=LIVING)

    def usable(self) -> Self:
        return self.filter(status__in=USABLE)


class CachedPrompt(models.Model):
    """A beginning of prompts that a project pays for being held ready."""

    public_id = models.UUIDField(unique=True, default=uuid4)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="cached_prompts")
    project = models.ForeignKey(Project, models.PROTECT, related_name="cached_prompts")
    api_key = models.ForeignKey(ApiKey, models.PROTECT, related_name="cached_prompts")
    """It was made by this key, and what renews it is metered as calls of this key."""
    name = models.CharField(max_length=100)
    served_model = models.ForeignKey(
        ServedModel, models.PROTECT, related_name="cached_prompts"
    )
    content = models.TextField()
    """JSON: {"messages": [...], "tools": [...] | null}, as it was sent, since jsonb
    would sort fields that a chat template shows to the model. Never changes; empty once
    the prompt has ended."""
    content_sha256 = models.CharField(max_length=64)
    """`inference.domain.prompt_digest` of it, hexadecimal."""
    message_count = models.PositiveIntegerField()
    tier = models.CharField(max_length=16, choices=_TIERS)
    """As asked."""
    lease_class = models.CharField(max_length=16, choices=_CLASSES)
    ttl_seconds = models.PositiveIntegerField()
    """How long it was bought for; what each renewal adds, if it renews itself."""
    auto_renew = models.BooleanField(default=False)
    engine_count = models.PositiveSmallIntegerField(default=1)
    """On how many engines."""
    expires_at = models.DateTimeField()
    """A call that arrives before is in time."""
    token_count = models.PositiveIntegerField(default=0)
    """As the engine counts it; 0: it was never read yet."""
    status = models.CharField(
        max_length=16,
        choices=CachedPromptStatus,
        default=CachedPromptStatus.WARMING,
    )
    retry_at = models.DateTimeField(null=True)
    """A place that is missing is not looked for before then; null: at any time."""
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    """Null: it lives."""

    objects = CachedPromptQuerySet.as_manager()

    class Meta:
        db_table = "cached_prompt"
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"],
                condition=Q(status__in=[status.value for status in LIVING]),
                name="cached_prompt_name_once_per_project",
            ),
            models.CheckConstraint(
                condition=Q(status__in=CachedPromptStatus.values),
                name="cached_prompt_status_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=[status.value for status in LIVING],
                    ended_at__isnull=True,
                )
                | Q(status__in=["expired", "deleted"], ended_at__isnull=False),
                name="cached_prompt_ended_or_living",
            ),
            models.CheckConstraint(
                condition=Q(engine_count__gte=1, engine_count__lte=ENGINES_MAX),
                name="cached_prompt_engine_count_in_range",
            ),
            models.CheckConstraint(
                condition=Q(message_count__gte=1, ttl_seconds__gte=1)
                & ~Q(name="")
                & Q(expires_at__gt=F("created_at")),
                name="cached_prompt_not_empty",
            ),
            models.CheckConstraint(
                condition=~Q(status="ready") | Q(token_count__gt=0),
                name="cached_prompt_ready_is_counted",
            ),
        ]
        indexes = [
            models.Index(
                F("expires_at"),
                condition=Q(status__in=[status.value for status in LIVING]),
                name="cached_prompt_to_expire",
            ),
            models.Index(fields=["project", "-id"], name="cached_prompt_of_project"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.status})"

    @property
    def shown_id(self) -> str:
        return PREFIX + self.public_id.hex


class PlacementState(models.TextChoices):
    HELD = "held"
    """Room is held, and the engine is asked to fill it."""
    COMMITTED = "committed"
    VOID = "void"


OCCUPYING = (PlacementState.HELD, PlacementState.COMMITTED)


class PlacementQuerySet(QuerySet["CachedPromptPlacement"]):
    def occupying(self) -> Self:
        """Those that take room away from others."""
        return self.filter(state__in=OCCUPYING)

    def committed(self) -> Self:
        return self.filter(state=PlacementState.COMMITTED)


class CachedPromptPlacement(models.Model):
    """A cached prompt on one engine, and the newest lease of its chain there.

    A lease that was lost stays here until another one replaces it: its hash still
    proves that a call begins with the prompt.
    """

    cached_prompt = models.ForeignKey(
        CachedPrompt, models.PROTECT, related_name="placements"
    )
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+")
    engine = models.ForeignKey(Engine, models.PROTECT, related_name="placements")
    state = models.CharField(
        max_length=16, choices=PlacementState, default=PlacementState.HELD
    )
    tier = models.CharField(max_length=16, choices=_TIERS)
    """Whose room it takes: `hbm`, `host` or `disk`."""
    lease_class = models.CharField(max_length=16, choices=_CLASSES)
    blocks = models.PositiveIntegerField()
    """Held: as estimated. Committed: as granted."""
    bytes = models.BigIntegerField()
    retained_tokens = models.PositiveIntegerField(default=0)
    """Whole blocks of the prompt."""
    lease_id = models.UUIDField(null=True)
    """Null: none was granted yet."""
    last_hash = models.CharField(max_length=64, blank=True, default="")
    epoch = models.CharField(max_length=128, blank=True, default="")
    """The engine's life in which the lease was granted."""
    lease_expires_at = models.DateTimeField(null=True)
    """Until when the lease is sold; null: none was granted yet."""
    verified_at = models.DateTimeField(null=True)
    """When an engine last said that it holds the prompt; null: never."""
    held_at = models.DateTimeField()
    """When its room was held."""
    claimed_until = models.DateTimeField(null=True)
    """Somebody warms it, and is given up then; null: nobody does."""
    is_lost = models.BooleanField(default=False)
    """The engine no longer holds the lease."""
    is_to_be_released = models.BooleanField(default=False)
    """Void, and the engine may hold the lease still."""
    refusal = models.CharField(max_length=100, blank=True, default="")
    """Why the tenant's next lease was refused; empty: it was not."""
    failures = models.PositiveIntegerField(default=0)
    """Tries to warm it again since the last that worked."""
    retry_at = models.DateTimeField(null=True)
    """Not before then; null: at any time."""

    objects = PlacementQuerySet.as_manager()

    class Meta:
        db_table = "cached_prompt_placement"
        constraints = [
            models.UniqueConstraint(
                fields=["cached_prompt", "engine", "tier"],
                condition=Q(state__in=[state.value for state in OCCUPYING]),
                name="cached_prompt_placed_once",
            ),
            models.CheckConstraint(
                condition=Q(state__in=PlacementState.values),
                name="cached_prompt_placement_state_known",
            ),
            models.CheckConstraint(
                condition=Q(tier__in=["hbm", "host", "disk"]),
                name="cached_prompt_placement_tier",
            ),
            models.CheckConstraint(
                condition=Q(blocks__gte=1, bytes__gte=0),
                name="cached_prompt_placement_not_empty",
            ),
            models.CheckConstraint(
                condition=~Q(state="committed")
                | (Q(lease_id__isnull=False, retained_tokens__gt=0) & ~Q(last_hash="")),
                name="cached_prompt_placement_committed_is_leased",
            ),
        ]
        indexes = [
            models.Index(
                fields=["engine", "tier"],
                condition=Q(state__in=[state.value for state in OCCUPYING]),
                name="cached_prompt_room_taken",
            ),
            models.Index(
                F("id"),
                condition=Q(is_to_be_released=True),
                name="cached_prompt_to_release",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cached_prompt_id} on {self.engine_id} ({self.state})"


class EventKind(models.TextChoices):
    CREATED = "created"
    WARMED = "warmed"
    """An engine holds it for the first time."""
    RENEWED = "renewed"
    """The next lease of the chain."""
    REWARMED = "rewarmed"
    """Read again at our cost, since an engine had lost it."""
    DEGRADED = "degraded"
    """An engine lost it, or could not be made to hold it."""
    CHANGED = "changed"
    EXPIRED = "expired"
    DELETED = "deleted"


class CachedPromptEvent(models.Model):
    """What happened to a cached prompt; history."""

    cached_prompt = models.ForeignKey(
        CachedPrompt, models.PROTECT, related_name="events"
    )
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=EventKind)
    engine = models.ForeignKey(Engine, models.PROTECT, null=True, related_name="+")
    """Null: it is not about one engine."""
    lease_id = models.CharField(max_length=32, blank=True, default="")
    tokens = models.PositiveIntegerField(default=0)
    """That are held after it."""
    reason = models.CharField(max_length=200, blank=True, default="")
    happened_at = models.DateTimeField()

    class Meta:
        db_table = "cached_prompt_event"
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=EventKind.values),
                name="cached_prompt_event_kind_known",
            )
        ]
        indexes = [
            models.Index(fields=["cached_prompt", "-id"], name="cached_prompt_history")
        ]
        triggers = [*append_only(_HISTORY), no_truncate(_HISTORY)]

    def __str__(self) -> str:
        return f"{self.kind} at {self.happened_at:%Y-%m-%d %H:%M:%S}"
