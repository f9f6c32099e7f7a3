"""`GET` and `DELETE /v1/responses/{id}`, `POST /v1/responses/{id}/cancel`."""

from collections.abc import Callable

import msgspec

from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.plane import Client, Plane
from metering.proxy.stored_responses import Place, place_of, unavailable, with_members
from metering.proxy.valkey import Reply
from tenants.wire import KeyPolicy

PREFIX = b"/v1/responses/"
_CANCEL = b"/cancel"
_LOST = {
    "code": "server_error",
    "message": "The process that made this response ended.",
}


def allowed_methods(path: bytes) -> tuple[bytes, ...]:
    """Empty for a path that is none of these."""
    if not path.startswith(PREFIX):
        return ()
    return (b"POST",) if path.endswith(_CANCEL) else (b"GET", b"DELETE")


class ResponseRequest:
    """One of these requests, until Valkey has answered (background.Running)."""

    def __init__(
        self,
        plane: Plane,
        client: Client,
        policy: KeyPolicy,
        *,
        method: bytes,
        path: bytes,
    ) -> None:
        self._plane = plane
        self._client: Client | None = client
        self._policy = policy
        self._is_cancel = path.endswith(_CANCEL)
        self._is_delete = method == b"DELETE"
        name = path.removeprefix(PREFIX).removesuffix(_CANCEL)
        self._response_id = name.decode("latin-1")

    def start(self) -> None:
        place = place_of(self._policy, self._response_id)
        responses = self._plane.responses
        if place is None:
            self._refuse(self._not_found())
        elif self._is_delete:
            responses.remove(place, self._answering(self._on_removed, place))
        elif self._is_cancel:
            responses.cancel(place, self._answering(self._on_cancelled, place))
        else:
            responses.read(place, self._answering(self._on_read, place))

    def client_gone(self) -> None:
        self._client = None

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def _answering(
        self, then: Callable[[Place, Reply], None], place: Place
    ) -> Callable[[Reply | None], None]:
        def answered(reply: Reply | None) -> None:
            if reply is None:
                self._refuse(unavailable())
            else:
                then(place, reply)

        return answered

    def _on_read(self, place: Place, reply: Reply) -> None:
        del place
        if not reply:
            self._refuse(self._not_found())
            return
        status, document = reply
        self._send(_document(status.decode(), document))

    def _on_cancelled(self, place: Place, reply: Reply) -> None:
        if reply and not reply[0]:
            self._refuse(
                RefusedError(
                    errors.RESPONSE_NOT_CANCELLABLE,
                    "Only a response made with `background: true` can be cancelled.",
                )
            )
            return
        if reply and reply[0] == b"cancelled":
            self._stop(place)
        self._on_read(place, reply)

    def _on_removed(self, place: Place, reply: Reply) -> None:
        if not reply:
            self._refuse(self._not_found())
            return
        self._stop(place)
        deleted = {"id": place.response_id, "object": "response", "deleted": True}
        self._send(msgspec.json.encode(deleted))

    def _stop(self, place: Place) -> None:
        """At once if it runs here; another process sees it within half a second."""
        run = self._plane.responses.running.get(place)
        if run is not None:
            run.cancel()

    def _not_found(self) -> RefusedError:
        return RefusedError(
            errors.RESPONSE_NOT_FOUND,
            f"Response with id '{self._response_id[:100]}' not found.",
            param="response_id",
        )

    def _refuse(self, error: RefusedError) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.refuse(error)

    def _send(self, document: bytes) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.send_whole(b"", document)


def _document(status: str, document: bytes) -> bytes:
    """As it is now; an answer that was not made in the background never changes."""
    if status in {"", "completed", "incomplete"}:
        return document
    document = with_members(document, status=status)
    if status == "failed" and b'"error":null' in document:
        document = with_members(document, error=_LOST)
    return document
