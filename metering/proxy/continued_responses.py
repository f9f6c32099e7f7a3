"""`previous_response_id`: a call of `/v1/responses` that sends only what is new.

The conversation before it lies with the stored response that it names, whole, so that
no chain is walked; here it is put before the new input. From there on the call is one
that sent all of it: limits, counts, charges and the engine see no difference.
"""

from typing import Protocol

from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.plane import Client, Plane, Running
from metering.proxy.stored_responses import place_of, unavailable
from metering.proxy.transform.conversations import FIELD, History, continued, history_of
from metering.proxy.transform.request import ParsedRequest
from metering.proxy.valkey import Reply
from tenants.wire import KeyPolicy


class MakeCall(Protocol):
    def __call__(
        self, client: Client, *, request: ParsedRequest, body_bytes: int
    ) -> Running:
        """Raises RefusedError."""


class ContinuedCall:
    """A call whose conversation is looked up first, and which it then is."""

    def __init__(
        self,
        plane: Plane,
        client: Client,
        policy: KeyPolicy,
        request: ParsedRequest,
        make_call: MakeCall,
        *,
        previous_id: str,
        body_bytes: int,
    ) -> None:
        self._plane = plane
        self._client: Client | None = client
        self._policy = policy
        self._request = request
        self._make_call = make_call
        self._previous_id = previous_id
        self._body_bytes = body_bytes
        self._call: Running | None = None

    def start(self) -> None:
        place = place_of(self._policy, self._previous_id)
        if place is None:
            self._refuse(self._not_found())
        else:
            self._plane.responses.recall(place, self._on_recalled)

    def _on_recalled(self, reply: Reply | None) -> None:
        client = self._client
        if client is None:
            self._give_back_body()
            return
        try:
            history = self._history(reply)
            self._check_model(history)
            call = self._begin(client, history)
        except RefusedError as error:
            self._refuse(error)
            return
        self._call = call
        call.start()

    def _history(self, reply: Reply | None) -> History:
        """Raises RefusedError."""
        if reply is None:
            raise unavailable()
        if not reply:
            raise self._not_found()
        status, document, conversation = reply
        return history_of(status.decode(), document, conversation)

    def _check_model(self, history: History) -> None:
        """Raises RefusedError."""
        route = self._plane.snapshots.routes.get(self._request.asked.model)
        if route is not None and route.model != history.model:
            raise _invalid(
                f"This response was made by {history.model}; continue it with the same "
                "model, or send the conversation whole as `input`."
            )

    def _begin(self, client: Client, history: History) -> Running:
        """Raises RefusedError."""
        request = continued(self._request, history)
        more_bytes = request.prompt_bytes - self._request.prompt_bytes
        call = self._make_call(
            client, request=request, body_bytes=self._body_bytes + more_bytes
        )
        self._plane.buffered_bytes += more_bytes
        self._body_bytes = 0  # the call gives them back
        return call

    def _refuse(self, error: RefusedError) -> None:
        client, self._client = self._client, None
        self._give_back_body()
        if client is not None:
            client.refuse(error)

    def _give_back_body(self) -> None:
        self._plane.buffered_bytes -= self._body_bytes
        self._body_bytes = 0

    # What the connection says.

    def client_gone(self) -> None:
        self._client = None
        if self._call is not None:
            self._call.client_gone()

    def pause(self) -> None:
        if self._call is not None:
            self._call.pause()

    def resume(self) -> None:
        if self._call is not None:
            self._call.resume()

    def _not_found(self) -> RefusedError:
        return RefusedError(
            errors.PREVIOUS_RESPONSE_NOT_FOUND,
            f"Previous response with id '{self._previous_id[:100]}' not found. It can "
            "be continued for an hour, unless it was sent with `store: false`.",
            param=FIELD,
        )


def _invalid(message: str) -> RefusedError:
    return RefusedError(errors.INVALID_VALUE, message, param=FIELD)
