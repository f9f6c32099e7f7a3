"""What the operator has switched on, for all tenants: one row."""

from django.db import models
from django.db.models import Q

BANNER_CHARACTERS_MAX = 200
THE_ROW = 1


class SignUps(models.TextChoices):
    """Who may become a user."""

    OPEN = "open"
    INVITED = "invited"
    """Whoever has an invitation to a tenant."""
    CLOSED = "closed"


class Switches(models.Model):
    """Without a row everything is as its defaults say."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=THE_ROW)
    sign_ups = models.CharField(
        max_length=8, choices=SignUps, default=SignUps.OPEN, db_default=SignUps.OPEN
    )
    has_playground = models.BooleanField(default=True, db_default=True)
    sells_leases = models.BooleanField(default=True, db_default=True)
    """Of conversations; those that were sold run on to their end."""
    sells_cached_prompts = models.BooleanField(default=True, db_default=True)
    """New ones; those that were sold are kept, and may be prolonged."""
    banner_text = models.CharField(
        max_length=BANNER_CHARACTERS_MAX, blank=True, default="", db_default=""
    )
    """On every page; empty: none."""
    banner_url = models.URLField(max_length=300, blank=True, default="", db_default="")
    """Where more is said; empty: nowhere."""

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=THE_ROW), name="switches_one_row"),
            models.CheckConstraint(
                condition=Q(sign_ups__in=SignUps.values), name="switches_sign_ups_known"
            ),
            models.CheckConstraint(
                condition=~Q(banner_text="") | Q(banner_url=""),
                name="switches_banner_has_a_text",
            ),
        ]

    def __str__(self) -> str:
        return "switches"
