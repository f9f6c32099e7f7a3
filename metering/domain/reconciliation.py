"""The audit of usage events by the engines' own counters: what must be equal.

    engine's change = billed + client gone + unbilled + estimated      for each source

Most events say exactly what the engine counted. Some leave a part open, and for these
the rules here give bounds that the truth cannot pass. A difference is what no event and
no bound explains; it must be zero.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field


class Source(enum.StrEnum):
    """What an engine counts; the glossary's names for vLLM's counters."""

    INPUT = "input"
    """The prompt tokens of all sources together, each sample's."""
    NEW_INPUT = "new_input"
    """Computed: `local_compute`."""
    CACHED_INPUT = "cached_input"
    """Not computed: `local_cache_hit` and `external_kv_transfer`."""
    OUTPUT = "output"


class Bucket(enum.StrEnum):
    BILLED = "billed"
    CLIENT_GONE = "client_gone"
    """The client left; what the engine said it had used until then is billed too."""
    UNBILLED = "unbilled"
    """Failed tries and time-outs of ours: charged to nobody."""
    ESTIMATED = "estimated"
    """The engine never said; `usage_source` is `estimate`."""


class Status(enum.StrEnum):
    BALANCED = "balanced"
    """Every source is equal, token for token."""
    EXPLAINED = "explained"
    """The differences are zero; some events leave open how their tokens split."""
    ESTIMATED = "estimated"
    """As explained, and some events are estimates."""
    BOUNDED = "bounded"
    """The engine was never at rest when read; what is known lies within its bounds."""
    UNREAD = "unread"
    """No reading says anything of these events."""
    DRIFTED = "drifted"
    """A difference that nothing explains."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Tokens by source; the input is their sum and so is not kept."""

    new_input: int = 0
    cached_input: int = 0
    output: int = 0

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(
            new_input=self.new_input - other.new_input,
            cached_input=self.cached_input - other.cached_input,
            output=self.output - other.output,
        )

    def of(self, source: Source) -> int:
        if source is Source.INPUT:
            return self.new_input + self.cached_input
        return int(getattr(self, source.value))


@dataclass(frozen=True, kw_only=True)
class UsageGroup:
    """Sums over usage events of one kind. Every rule below is linear, so a group stands
    for its events.
    """

    outcome: str
    usage_source: str
    is_streamed: bool
    is_sampled: bool
    """More than one sample: the engine counts the prompt once for each, while the
    answer says it once and the cached part of one sample only."""
    is_batch: bool = False
    """Several prompts may have been in one call: the answer sums their input, but says
    the cached part of one prompt only, or none (`/v1/completions`, embeddings)."""
    events: int = 1
    samples: int = 1
    input_tokens: int = 0
    cached_input_tokens: int = 0
    sampled_input_tokens: int = 0
    """Samples times input, summed over the events."""
    sampled_cached_input_tokens: int = 0
    output_tokens: int = 0

    @property
    def bucket(self) -> Bucket:
        if self.outcome == "unbilled":
            return Bucket.UNBILLED
        if self.usage_source == "estimate":
            return Bucket.ESTIMATED
        return Bucket.CLIENT_GONE if self.outcome == "client_gone" else Bucket.BILLED

    @property
    def is_cut_short(self) -> bool:
        """Its stream may have been left before the end: the running usage names no
        cached tokens, and misses what the engine made until it noticed.
        """
        is_whole = self.outcome == "completed" or not self.is_streamed
        return not is_whole and not self.is_sampled


@dataclass(frozen=True, kw_only=True)
class Amount:
    """What events say that the engine counted, and the bounds of what it may have."""

    said: int = 0
    least: int = 0
    most: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(
            said=self.said + other.said,
            least=self.least + other.least,
            most=self.most + other.most,
        )


def _exactly(tokens: int) -> Amount:
    return Amount(said=tokens, least=tokens, most=tokens)


def amount_of(group: UsageGroup, source: Source, *, context_tokens: int) -> Amount:
    """`context_tokens`: the most that prompt and answer of one sample may have."""
    said = _said(group, source)
    everything = max(said, group.samples * context_tokens)
    if group.usage_source == "estimate":
        return Amount(said=said, most=everything)
    if group.bucket is Bucket.UNBILLED:
        # What it is known to have counted; it may have gone on.
        return Amount(said=said, least=said, most=everything)
    if source is Source.INPUT:
        return Amount(said=said, least=said, most=said)
    if source is Source.OUTPUT:
        room = everything - group.sampled_input_tokens
        most = max(said, room) if group.is_cut_short else said
        return Amount(said=said, least=said, most=most)
    least, most = _cached_bounds(group)
    if source is Source.CACHED_INPUT:
        return Amount(said=said, least=least, most=most)
    total = group.sampled_input_tokens
    return Amount(said=said, least=total - most, most=total - least)


def _cached_bounds(group: UsageGroup) -> tuple[int, int]:
    said = group.cached_input_tokens
    if group.is_cut_short or group.is_batch:
        return said, group.sampled_input_tokens
    # Of several samples one has the cached part that was said, the others any part.
    return said, said + group.sampled_input_tokens - group.input_tokens


def _said(group: UsageGroup, source: Source) -> int:
    total, cached = group.sampled_input_tokens, group.sampled_cached_input_tokens
    return {
        Source.INPUT: total,
        Source.NEW_INPUT: total - cached,
        Source.CACHED_INPUT: cached,
        Source.OUTPUT: group.output_tokens,
    }[source]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One source of a statement."""

    source: Source
    engine: int
    """The change of the engine's counter."""
    buckets: dict[Bucket, int] = field(default_factory=dict)
    """What the events of each bucket say."""
    least: int = 0
    most: int = 0
    """Bounds of what the events may account for."""

    @property
    def said(self) -> int:
        return sum(self.buckets.values())

    @property
    def difference(self) -> int:
        """Tokens that nothing explains: above zero the engine counted more than events
        account for, below zero less than was recorded.
        """
        return min(0, self.engine - self.least) + max(0, self.engine - self.most)

    @property
    def open_tokens(self) -> int:
        """The part of `engine` less `said` that the named events leave open."""
        return self.engine - self.said - self.difference


def line_of(
    source: Source,
    *,
    engine: int,
    counted: Iterable[UsageGroup],
    spanning: Iterable[UsageGroup] = (),
    unknown_requests: int = 0,
    context_tokens: int,
) -> Line:
    """`counted`: events that ended before the reading, all of them counted by it.
    `spanning`: events in flight at the reading, counted in part or not at all.
    `unknown_requests`: in the engine at the reading, with no event that would tell.
    """
    buckets = dict.fromkeys(Bucket, 0)
    least, most = 0, unknown_requests * context_tokens
    for group in counted:
        amount = amount_of(group, source, context_tokens=context_tokens)
        buckets[group.bucket] += amount.said
        least, most = least + amount.least, most + amount.most
    for group in spanning:
        most += amount_of(group, source, context_tokens=context_tokens).most
    return Line(source=source, engine=engine, buckets=buckets, least=least, most=most)


def status_of(exact: list[Line], bounded: list[Line]) -> Status:
    """`exact`: at a reading of the engine at rest; `bounded`: at the last reading."""
    if any(line.difference for line in (*exact, *bounded)):
        return Status.DRIFTED
    if not exact:
        return Status.BOUNDED if bounded else Status.UNREAD
    if any(line.buckets[Bucket.ESTIMATED] for line in exact):
        return Status.ESTIMATED
    is_equal = all(line.open_tokens == 0 for line in exact)
    return Status.BALANCED if is_equal else Status.EXPLAINED
