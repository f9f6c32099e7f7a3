"""When a message that did not arrive is sent again, and when it is given up."""

from datetime import timedelta

PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Between two tries, as Standard Webhooks proposes; three days in all."""
_REST_MAX = timedelta(minutes=5)


def pause_after(attempts: int) -> timedelta | None:
    """Until the next try, when so many have failed; None: that was the last."""
    return PAUSES[attempts - 1] if attempts <= len(PAUSES) else None


def rest_after(attempts: int) -> timedelta:
    """How long an endpoint is left alone altogether when a message failed there for
    the so-manieth time: others would most likely fail, too.
    """
    return min(pause_after(attempts) or _REST_MAX, _REST_MAX)
