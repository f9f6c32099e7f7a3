"""Slices: parts of limits that a process has been granted and spends by itself.

Far from every limit of a key, the exact call of one request brings a slice for the next
half second. It was taken out of the limits, so slices never sum to more than these. One
call gives it back, says what of it was used and brings the next. Where running calls
are limited a call of a slice needs a free place, too.
"""

import math
import time
from collections.abc import Callable

from metering.domain.limits import Triple
from metering.proxy.limit_hold import Hold, Lender, Source
from metering.proxy.limit_plan import Claim, Plan
from metering.proxy.limit_texts import Tightest
from metering.proxy.places import Places

_LIFE_SECONDS = 0.5
"""As in hold.lua, counted from before the question."""
_CALLS_MIN = 8
"""Within about a second; below it a slice costs more calls than it saves."""
_CALLS_MAX = 10_000
"""That a slice is asked for."""
_MEMORY_SECONDS = 1.0

ReturnedSlice = tuple[int, int, int, int, int, int, int]
"""Bucket, granted and used: requests, tokens, images."""
WantedSlice = tuple[int, int, int, int, int]
LateUse = tuple[int, int, int, int, int, int, int]
"""A correction, as the settle script takes it."""


class Slice(Lender):
    __slots__ = (
        "_bucket", "_changes", "_dies_at", "_granted", "_is_lost", "_lates",
        "booked_bucket", "is_out", "slicer", "tight", "used_images", "used_requests",
        "used_tokens",
    )  # fmt: skip

    def __init__(
        self,
        slicer: "Slicer",
        *,
        granted: Triple,
        bucket: int,
        asked_at: float,
        tight: tuple[int, int, int, int],
    ) -> None:
        """`tight`: number and rest of the tightest limit of requests, and of tokens."""
        self.slicer = slicer
        self.tight = tight
        self._bucket, self._granted = bucket, granted
        self._is_lost = False
        self._dies_at = asked_at + _LIFE_SECONDS
        self.used_requests = self.used_tokens = self.used_images = 0
        self.is_out = True
        self.booked_bucket = 0
        """Where its use was booked when it came back."""
        self._changes = [0, 0, 0]
        self._lates = [0, 0]

    def is_dead(self, now: float) -> bool:
        return now >= self._dies_at

    def has_room(self, tokens: int, images: int) -> bool:
        requests_max, tokens_max, images_max = self._granted
        return (
            self.used_requests < requests_max
            and self.used_tokens + tokens <= tokens_max
            and self.used_images + images <= images_max
        )

    def give_back(self) -> ReturnedSlice:
        self.is_out = False
        requests, tokens, images = self._granted
        return (
            self._bucket,
            requests,
            tokens,
            images,
            self.used_requests,
            self.used_tokens,
            self.used_images,
        )

    def lose(self) -> None:
        """It never came back: all of it counts as used until it leaves the window."""
        self._is_lost = True
        self.booked_bucket = self._bucket

    @property
    def is_lost(self) -> bool:
        return self._is_lost

    def settle(self, hold: Hold, requests: int, tokens: int, images: int) -> None:
        more_tokens, more_images = tokens - hold.tokens, images - hold.images
        if self.is_out:
            self.used_requests += requests
            self.used_tokens += more_tokens
            self.used_images += more_images
            return
        for kind, change in enumerate((requests, more_tokens, more_images)):
            self._changes[kind] += change
        self._lates[0] += tokens
        self._lates[1] += images
        self.slicer.note_owing(self)

    def take_late_use(self) -> LateUse:
        """What its calls came to after it was given back."""
        requests, tokens, images = self._changes
        late_tokens, late_images = self._lates
        self._changes, self._lates = [0, 0, 0], [0, 0]
        bucket = self.booked_bucket
        return bucket, requests, tokens, images, 0, late_tokens, late_images


class Slicer:
    """Of one plan: knows how fast it is used, and its present slice."""

    __slots__ = (
        "_calls", "_images", "_note_owing", "_since", "_tokens", "current",
        "is_asking", "places", "plan",
    )  # fmt: skip

    def __init__(self, plan: Plan, note_owing: Callable[[Slice], None]) -> None:
        self.plan = plan
        self.current: Slice | None = None
        self.is_asking = False
        self.places = Places() if plan.needs_place else None
        self._calls = 0.0
        self._since = 0.0
        self._tokens = self._images = 0
        self._note_owing = note_owing

    def note_owing(self, one: Slice) -> None:
        self._note_owing(one)

    def take(self, claim: Claim, now: float) -> Hold | None:
        """A hold without a question, if the slice has room."""
        one, places = self.current, self.places
        if one is None or one.is_dead(now):
            return None
        if places is not None and not places.free:
            return None
        tokens = claim.most_tokens if self.plan.counts_tokens else 0
        images = claim.images
        if not one.has_room(tokens, images):
            return None
        one.used_requests += 1
        one.used_tokens += tokens
        one.used_images += images
        self._calls += 1
        hold = Hold(self.plan, Source.SLICE)
        hold.lender = one
        if places is not None:
            hold.places, hold.call_id = places, places.take()
        hold.tokens, hold.images = tokens, images
        requests_limit, requests_left, tokens_limit, tokens_left = one.tight
        # What others used since the slice was granted is not known.
        hold.tightest = Tightest(
            self.plan,
            int(time.time() * 1000),
            (requests_limit, max(0, requests_left - one.used_requests)),
            (tokens_limit, max(0, tokens_left - one.used_tokens)),
        )
        return hold

    def part_with(self) -> Slice | None:
        """The present slice, to be given back with the next question."""
        one, self.current = self.current, None
        return one

    def want(self, claim: Claim, now: float) -> WantedSlice | int:
        """How much to ask for; 0: nothing."""
        elapsed = now - self._since
        if elapsed > _MEMORY_SECONDS:
            half = _MEMORY_SECONDS / 2
            self._calls *= half / elapsed
            self._since, elapsed = now - half, half
            self._tokens = self._images = 0
        self._calls += 1
        self._tokens = max(self._tokens, claim.most_tokens)
        self._images = max(self._images, claim.images)
        if self.is_asking or self._calls < _CALLS_MIN:
            return 0
        self.is_asking = True
        rate = self._calls / max(elapsed, 0.05)
        calls = min(_CALLS_MAX, math.ceil(rate * 2 * _LIFE_SECONDS))
        tokens = self._tokens if self.plan.counts_tokens else 0
        images = self._images
        return calls, calls * tokens, calls * images, tokens, images

    def part_with_places(self, now: float) -> list[str]:
        """What goes back with a question, asked for a slice or not."""
        places = self.places
        if places is None:
            return []
        if not self.is_asking:
            return self.lose_places()
        found = places.take_surplus(now)
        if places.free:
            # The call brings one of its own, and must not be refused by a free one.
            found.append(places.take())
        return found

    def granted(self, one: Slice, *, places: int, asked_at: float) -> None:
        """With so many free places."""
        self.is_asking = False
        self.current = one
        if self.places is not None:
            self.places.allow(places, asked_at)

    def denied(self) -> list[str]:
        """Places that go back."""
        self.is_asking = False
        return self.lose_places()

    def lose_places(self) -> list[str]:
        """None are kept without a slice."""
        return self.places.take_all() if self.places is not None else []


def corrected(late: LateUse) -> tuple[list[LateUse], int, tuple[()], int]:
    """The settle script's argument."""
    return [late], late[1], (), 0


class Slices:
    """All slices of the process."""

    def __init__(self) -> None:
        self._out: dict[Slicer, None] = {}
        self._owing: dict[Slice, None] = {}

    def slicer(self, plan: Plan) -> Slicer:
        return Slicer(plan, self._note_owing)

    def note_grant(self, slicer: Slicer) -> None:
        self._out[slicer] = None

    def _note_owing(self, one: Slice) -> None:
        self._owing[one] = None

    def free_places(self) -> list[tuple[Plan, list[str]]]:
        return [
            (one.plan, one.places.free)
            for one in self._out
            if one.places is not None and one.places.free
        ]

    def lose_places(self) -> list[tuple[Plan, list[str]]]:
        """All free ones, until slices are granted again."""
        return [(one.plan, one.lose_places()) for one in self._out]

    def dead(self, now: float) -> list[Slice]:
        """Slices whose time is over, taken from their slicers."""
        found = []
        for slicer in list(self._out):
            one = slicer.current
            if one is None:
                if not slicer.is_asking:
                    del self._out[slicer]
            elif one.is_dead(now):
                del self._out[slicer]
                slicer.current = None
                found.append(one)
        return found

    def owing(self) -> list[Slice]:
        """Slices that came back before some of their calls had ended."""
        found = [one for one in self._owing if one.booked_bucket]
        for one in found:
            del self._owing[one]
        return [one for one in found if not one.is_lost]
