"""The texts of calls of projects that want them kept: copied on their way, and handed
to the control plane by Valkey.

A project that did not ask costs one comparison a call. Nobody waits for it, and what
Valkey does not take is counted and gone: a text is no part of what is billed.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from metering.proxy.called_script import CalledScript
from metering.proxy.chunks import unchunk
from metering.proxy.observe import Observer
from metering.proxy.valkey import Reply, Valkey
from metering.wire import CALL_TEXTS_KEY, CallText
from tenants.wire import KeyPolicy

if TYPE_CHECKING:
    from metering.proxy.plane import Client

TEXT_BYTES_MAX = 64 * 1024
"""Of the request, and of the answer; what is longer is cut."""
WAITING_TEXTS_MAX = 1_000
"""In Valkey, 128 MiB at most; the control plane fetches them every two seconds."""

_encode = msgspec.json.Encoder().encode


class CallTexts:
    def __init__(self, valkey: Valkey, observer: Observer) -> None:
        self._script = CalledScript(valkey, "call_texts.lua")
        self._observer = observer

    def hand_over(self, text: CallText) -> None:
        def answered(reply: Reply | None) -> None:
            if not reply:
                self._observer.texts_lost += 1

        self._script.call(answered, (CALL_TEXTS_KEY,), _encode(text), WAITING_TEXTS_MAX)


class CopyingClient:
    """Passes an answer on (plane.Client), and copies a stream's beginning."""

    __slots__ = (
        "_client", "break_off", "end_stream", "is_cut", "refuse", "send_whole",
        "stream",
    )  # fmt: skip

    def __init__(self, client: "Client") -> None:
        self._client = client
        self.stream = bytearray()
        """In HTTP's chunks."""
        self.is_cut = False
        self.break_off: Callable[[], None] = client.break_off
        self.end_stream = client.end_stream
        self.refuse = client.refuse
        self.send_whole = client.send_whole

    def begin_stream(self, headers: bytes, first: bytes) -> None:
        self.copy(first)
        self._client.begin_stream(headers, first)

    def send(self, data: bytes) -> None:
        self.copy(data)
        self._client.send(data)

    def copy(self, data: bytes) -> None:
        # Whole events or none of them: half an event says nothing.
        self.is_cut = self.is_cut or len(self.stream) + len(data) > TEXT_BYTES_MAX
        if not self.is_cut:
            self.stream += data


def text_of(
    client: CopyingClient,
    *,
    event_id: str,
    policy: KeyPolicy,
    happened_at_us: int,
    request: dict[str, msgspec.Raw],
    rest: bytes,
    is_streamed: bool,
) -> CallText:
    """`rest` is what the answer ended with: the whole of one that is not streamed."""
    asked = msgspec.json.encode(request)
    if is_streamed:
        client.copy(rest)
    answer = unchunk(bytes(client.stream)) if is_streamed else rest
    return CallText(
        event_id=event_id,
        tenant_id=policy.tenant_id,
        project_id=policy.project_id,
        happened_at_us=happened_at_us,
        request=_text(asked),
        answer=_text(answer),
        is_streamed=is_streamed,
        is_cut=client.is_cut or max(len(asked), len(answer)) > TEXT_BYTES_MAX,
    )


def _text(data: bytes) -> str:
    # PostgreSQL's text has no NUL; in JSON it is escaped anyway.
    return data[:TEXT_BYTES_MAX].decode(errors="replace").replace("\0", "\ufffd")
