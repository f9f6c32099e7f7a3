"""One call is one event with the id of its request, however often it is tried."""

import pytest

from metering.wire import Outcome
from tests.metering.proxy.conftest import Plane, until


@pytest.mark.parametrize("is_streamed", [False, True])
def test_the_event_id_derives_from_the_request(
    plane: Plane, secret: str, is_streamed: bool
) -> None:
    """A new uuid per emission billed a call four times (vexa#330)."""
    answer = plane.chat(secret, stream=is_streamed)
    [event] = until(plane.events)
    assert answer.headers["x-request-id"] == f"req_{event.event_id}"


def test_a_call_that_was_tried_again_is_billed_once(plane: Plane, secret: str) -> None:
    """Retries must not bill again (vexa#330): the failed try is the same request."""
    plane.order_fault("die:0")
    answer = plane.chat(secret)
    assert answer.status_code == 200
    request_id = answer.headers["x-request-id"].removeprefix("req_")
    events = until(plane.events)
    [billed] = [event for event in events if event.outcome is not Outcome.UNBILLED]
    assert billed.event_id == request_id
    assert billed.tries == 2
    assert billed.sent_at_us is not None
    assert billed.received_at_us <= billed.sent_at_us <= billed.happened_at_us
