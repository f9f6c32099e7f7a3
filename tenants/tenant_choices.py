"""What may be chosen of a tenant."""

from django.db import models


class Restriction(models.TextChoices):
    """What a tenant that has not paid may not do; each includes the one before."""

    NONE = "none"
    WARNED = "warned"
    """Its pages say so, and nothing else changes."""
    NO_NEW_KEYS = "no_new_keys"
    NO_CALLS = "no_calls"


class LeakResponse(models.TextChoices):
    """What becomes of a key that somebody found where it does not belong."""

    REVOKE = "revoke"
    """For good."""
    DISABLE = "disable"
    """It can be taken back for a while, should the find turn out to be harmless."""
