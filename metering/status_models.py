"""What the public status page tells: probes by day, and incidents in staff's words."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from metering.domain.components import COMPONENT_CHARACTERS_MAX, Health
from tenants.append_only import append_only

TITLE_CHARACTERS_MAX = 120
TEXT_CHARACTERS_MAX = 2000
_HEALTHS = [(one.value, one.value) for one in Health]


class ComponentDay(models.Model):
    """How often a component was asked on a UTC day, and how often it did not answer.
    The latest row of a component says how it is now.
    """

    component = models.CharField(max_length=COMPONENT_CHARACTERS_MAX)
    """`api`, `portal`, `usage`, or `model:` and its public name."""
    day = models.DateField()
    probes = models.IntegerField()
    degraded = models.IntegerField()
    """It answered, but was slower, later or had less room than it should."""
    failed = models.IntegerField()
    health = models.CharField(max_length=8, choices=_HEALTHS)
    """What the last probe said."""
    probed_at = models.DateTimeField()

    class Meta:
        db_table = "component_day"
        constraints = [
            models.UniqueConstraint(
                fields=["component", "day"], name="component_day_once"
            ),
            models.CheckConstraint(
                condition=Q(
                    degraded__gte=0,
                    failed__gte=0,
                    probes__gte=F("degraded") + F("failed"),
                ),
                name="component_day_counts_fit",
            ),
            models.CheckConstraint(
                condition=Q(health__in=[one.value for one in Health]),
                name="component_day_health_known",
            ),
        ]
        indexes = [models.Index(fields=["-day"], name="component_day_newest")]

    def __str__(self) -> str:
        return f"{self.component} on {self.day}"


class Impact(models.TextChoices):
    MAINTENANCE = "maintenance"
    MINOR = "minor"
    MAJOR = "major"


class Phase(models.TextChoices):
    """Where the work on an incident is."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


class Incident(models.Model):
    """Something that users notice, from its begin to its end."""

    title = models.CharField(max_length=TITLE_CHARACTERS_MAX)
    impact = models.CharField(max_length=16, choices=Impact)
    components = ArrayField(models.CharField(max_length=COMPONENT_CHARACTERS_MAX))
    """What it is about; empty: nothing that is probed."""
    started_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    """Null: it goes on."""

    class Meta:
        db_table = "incident"
        constraints = [
            models.CheckConstraint(
                condition=Q(impact__in=Impact.values), name="incident_impact_known"
            ),
            models.CheckConstraint(
                condition=Q(resolved_at__isnull=True)
                | Q(resolved_at__gte=F("started_at")),
                name="incident_ends_after_its_begin",
            ),
        ]
        indexes = [models.Index(fields=["-started_at"], name="incident_newest")]

    def __str__(self) -> str:
        return self.title


class IncidentUpdate(models.Model):
    """What staff said of it; said is said."""

    incident = models.ForeignKey(Incident, models.PROTECT, related_name="updates")
    at = models.DateTimeField()
    phase = models.CharField(max_length=16, choices=Phase)
    text = models.CharField(max_length=TEXT_CHARACTERS_MAX)

    class Meta:
        db_table = "incident_update"
        triggers = append_only("what was said of an incident is kept")
        constraints = [
            models.CheckConstraint(
                condition=Q(phase__in=Phase.values), name="incident_update_phase_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.phase} at {self.at:%Y-%m-%d %H:%M}"
