"""When a call is answered, whole or as a stream; what is said is the dialect's."""

from typing import Protocol

from inference.simulator.faults import Kind
from inference.simulator.sequences import Sequence
from inference.simulator.server import Exchange

ENGINE_DIED = (
    "EngineCore encountered an issue. See stack trace (above) for the root cause."
)


class WholeDialect(Protocol):
    """How the answer of one call is written when it is not streamed."""

    @property
    def sequences(self) -> list[Sequence]: ...

    def whole(self, last: Sequence) -> bytes:
        """The body; `last` is whose cache figures are told."""

    def whole_without_usage(self, body: bytes) -> bytes: ...

    def death(self) -> bytes:
        """The body of the 500 of an engine that dies before the answer."""


class Dialect(WholeDialect, Protocol):
    """How the answer of one call is written; events end with an empty line each."""

    @property
    def is_streamed(self) -> bool: ...

    def accepted(self) -> list[bytes]:
        """Events that go out before the prompt is read; empty: the head waits too."""

    def opening(self) -> list[bytes]:
        """Events that go before the first token."""

    def tokens(self, sequence: Sequence, start: int) -> list[bytes]:
        """Events for the tokens of `sequence` after the first `start`."""

    def ending(self, first: Sequence) -> list[bytes]:
        """Events after the last token; `first` is whose cache figures are told."""

    def without_usage(self, event: bytes) -> bytes:
        """The event as it would be if it told no usage; empty if nothing is left."""

    def died(self) -> list[bytes] | None:
        """Events of an engine that dies in a stream; None: the stream is cut."""


class WholeAnswer:
    """Answers once, when every choice has finished."""

    is_streamed = False

    def __init__(self, exchange: Exchange, dialect: WholeDialect) -> None:
        self._exchange = exchange
        self._dialect = dialect
        self._missing = len(dialect.sequences)

    def begin(self) -> None:
        """A whole answer has nothing to say before its end."""

    def tokens_made(self, sequence: Sequence) -> None:
        if _dies(self._exchange, sequence):
            self._exchange.on_gone()
            self._exchange.respond(500, self._dialect.death())
            return
        if not sequence.is_finished:
            return
        self._missing -= 1
        if not self._missing:
            body = self._dialect.whole(sequence)
            if self._exchange.hides_usage:
                body = self._dialect.whole_without_usage(body)
            self._exchange.respond(200, body)


class StreamedAnswer:
    """Answers with server-sent events, each in a chunk of its own.

    A caller that reads slowly gets fewer and larger events, as vLLM merges what it
    could not send: at most one reply is ever kept.
    """

    is_streamed = True

    def __init__(self, exchange: Exchange, dialect: Dialect) -> None:
        self._exchange = exchange
        self._dialect = dialect
        self._sent = [0] * len(dialect.sequences)
        self._first: Sequence | None = None
        self._has_head = False

    def begin(self) -> None:
        """Call it once, before the first token."""
        self._exchange.on_drained = self._catch_up
        if events := self._dialect.accepted():
            self._begin_stream()
            self._exchange.send_events(events, is_last=False)

    def tokens_made(self, sequence: Sequence) -> None:
        events: list[bytes] = []
        if self._first is None:
            self._first = sequence
            events = self._dialect.opening()
            self._begin_stream()
        if _dies(self._exchange, sequence):
            self._die(events)
            return
        if self._exchange.is_congested:
            return
        events += self._news(sequence)
        self._send(events)

    def _begin_stream(self) -> None:
        if not self._has_head:
            self._has_head = True
            self._exchange.begin_stream()

    def _catch_up(self) -> None:
        events: list[bytes] = []
        for sequence in self._dialect.sequences:
            if sequence.made > self._sent[sequence.index]:
                events += self._news(sequence)
        if events:
            self._send(events)

    def _news(self, sequence: Sequence) -> list[bytes]:
        start = self._sent[sequence.index]
        self._sent[sequence.index] = sequence.made
        return self._dialect.tokens(sequence, start)

    def _send(self, events: list[bytes]) -> None:
        sequences = self._dialect.sequences
        is_over = all(
            self._sent[sequence.index] == len(sequence.reply.token_ids)
            for sequence in sequences
        )
        if is_over:
            events += self._dialect.ending(self._first or sequences[0])
        if self._exchange.hides_usage:
            events = [self._dialect.without_usage(event) for event in events]
        self._exchange.send_events(events, is_last=is_over)

    def _die(self, events: list[bytes]) -> None:
        self._exchange.on_gone()
        last = self._dialect.died()
        if last is None:
            self._exchange.send_events(events, is_last=False)
            self._exchange.cut()
        else:
            self._exchange.send_events(events + last, is_last=True)


def _dies(exchange: Exchange, sequence: Sequence) -> bool:
    fault = exchange.fault
    if fault is None or fault.kind is not Kind.BREAK:
        return False
    return sequence.is_finished or sequence.made >= fault.number
