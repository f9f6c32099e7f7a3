"""Places of ended calls, kept for the next calls of the same plan.

A place is a member of the plan's sets of running calls, so a free one is taken out of
the limits as a call that runs is. Free ones are kept only while slices are granted.
"""

IDLE_SECONDS = 0.5
"""Not needed for so long, a place goes back: as long as a slice lives."""
_TRUST_SECONDS = 2.0
"""After a grant; a process that stood still for longer may have lost its places."""


class Places:
    """Of one plan. The last one left is the first one taken, so that those which are
    not needed lie still.
    """

    __slots__ = ("_allowed", "_idle", "_idle_since", "_trusted_until", "free")

    def __init__(self) -> None:
        self.free: list[str] = []
        self._allowed = 0
        self._idle = 0
        """The first so many of the free have not been touched since then."""
        self._idle_since = 0.0
        self._trusted_until = 0.0

    def allow(self, count: int, granted_at: float) -> None:
        """So many may be kept, with a new slice."""
        self._allowed = count
        self._trusted_until = granted_at + _TRUST_SECONDS

    def keep(self, place: str) -> bool:
        """False: it is to go back."""
        if len(self.free) >= self._allowed:
            return False
        self.free.append(place)
        return True

    def take(self) -> str:
        """A free one; there must be one."""
        place = self.free.pop()
        self._idle = min(self._idle, len(self.free))
        return place

    def take_surplus(self, now: float) -> list[str]:
        """Those that go back although more slices are to come."""
        if now >= self._trusted_until:
            return self._take_first(len(self.free))
        surplus = max(0, len(self.free) - self._allowed)
        if now - self._idle_since < IDLE_SECONDS:
            return self._take_first(surplus)
        found = self._take_first(max(surplus, self._idle))
        self._idle, self._idle_since = len(self.free), now
        return found

    def take_all(self) -> list[str]:
        """There is no slice any more, so none is kept."""
        self._allowed = 0
        return self._take_first(len(self.free))

    def _take_first(self, count: int) -> list[str]:
        found = self.free[:count]
        del self.free[:count]
        self._idle = max(0, self._idle - count)
        return found
