"""What is switched on now, as every page and every sign-up asks it."""

import time

from django.conf import settings

from tenants.switches_models import Switches

_known: tuple[float, Switches] | None = None
"""Until when by the monotonic clock, and what. Two threads may both ask, and that is
all."""


def read_switches() -> Switches:
    """At most SWITCHES_SECONDS old. Not to be changed: it is shared."""
    global _known  # noqa: PLW0603  one small thing that a process remembers
    known, now = _known, time.monotonic()
    if known is not None and now < known[0]:
        return known[1]
    found = Switches.objects.first() or Switches()
    _known = (now + settings.SWITCHES_SECONDS, found)
    return found


def forget_switches() -> None:
    """Asked anew in this process; in others once what they know is too old."""
    global _known  # noqa: PLW0603  as above
    _known = None
