"""Every route of the data plane, on a real proxy, against every limit and every meter;
whatever is not listed here is refused.

litellm#38176, wso2#2932: endpoints that escaped a limit or a meter.
"""

import threading
from typing import Any

import pytest

from inference.wire import Task
from metering.proxy import request_reader
from metering.proxy.transform.endpoint import OutputKind
from metering.proxy.transform.endpoints import ENDPOINTS
from tenants.wire import Scope, SpendLimit, SpendPeriod
from tests.metering.proxy.conftest import IMAGE_RATE, MODELS, Plane, until

HELLO = [{"role": "user", "content": "Hello"}]
METERED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": HELLO, "max_tokens": 4},
    "/v1/completions": {"prompt": "Hello", "max_tokens": 4},
    "/v1/responses": {"input": "Hello", "max_output_tokens": 4},
    "/v1/messages": {"messages": HELLO, "max_tokens": 4},
    "/v1/messages/count_tokens": {"messages": HELLO},
    "/v1/tokenize": {"prompt": "Hello"},
    "/v1/embeddings": {"input": "Hello there, " * 8},
    "/v1/images/generations": {"prompt": "A house", "n": 2},
}
"""Path -> its body. A new endpoint is listed here, and so gets these tests."""
FREE_WITH_KEY = ("/v1/models", "/v1/usage/requests/req_0")
FREE = ("/healthz", "/readyz", "/metrics")
UNKNOWN = (
    "/",
    "/v1",
    "/v1/audio/speech",
    "/v1/usage",
    "/v1/messages/batches",
    "/v1/chat/completions/",
    "/v1//completions",
    "/tokenize",
    "/invocations",
    "/load",
    "/simulator/fault",
)
PER_WINDOW = ("requests_per_minute", "requests_per_day", "requests_per_month")


@pytest.fixture(scope="module")
def route_plane(tmp_path_factory):
    plane = Plane(tmp_path_factory.mktemp("routes"), None)  # type: ignore[arg-type]
    yield plane
    plane.stop()


@pytest.fixture
def plane(route_plane, valkey):
    route_plane.valkey = valkey
    if not route_plane.processes:
        for number, task in enumerate(Task, start=1):
            route_plane.start_engine(number, task=task)
        route_plane.start_proxy(ANSWER_SECONDS="1.5")
    route_plane.begin_test()
    return route_plane


def _post(plane, path, secret, **fields):
    endpoint = ENDPOINTS[path.encode()]
    model = MODELS[endpoint.task or Task.GENERATE]
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    body = {"model": model, **METERED[path], **fields}
    return plane.client.post(path, json=body, headers=headers)


def _output(path):
    return ENDPOINTS[path.encode()].output


def _code(answer):
    return answer.json()["error"].get("code")


def test_the_tables_name_these_routes_and_no_others():
    assert {path.encode() for path in METERED} == set(ENDPOINTS)
    assert {path.encode() for path in FREE} == request_reader.OPEN_PATHS


STREAMED = [(path, False) for path in METERED] + [
    (path, True) for path in METERED if ENDPOINTS[path.encode()].stream
]


@pytest.mark.parametrize(("path", "stream"), STREAMED)
def test_every_meter_shows_what_was_used(plane, path, stream):
    answer = _post(plane, path, plane.add_key(), **({"stream": True} if stream else {}))
    assert answer.status_code == 200
    (event,) = until(plane.events)
    output, endpoint = _output(path), ENDPOINTS[path.encode()]
    assert event.endpoint == endpoint.name
    assert event.streamed is stream
    assert (event.output_tokens == 4) == (output is OutputKind.TOKENS)
    assert (event.input_tokens > 0) == endpoint.uses_input_tokens
    assert event.images == (2 if output is OutputKind.IMAGES else 0)
    assert (event.cost_nanos > 0) == (output is not OutputKind.COUNT)
    if output is OutputKind.IMAGES:
        assert event.cost_nanos == 2 * IMAGE_RATE // 1_000_000
    assert event.sent_at_us is not None
    assert event.received_at_us <= event.sent_at_us <= event.happened_at_us


@pytest.mark.parametrize("path", METERED)
@pytest.mark.parametrize("limit", PER_WINDOW)
def test_every_request_counts(plane, path, limit):
    secret = plane.add_key(**{limit: 1})
    assert _post(plane, path, secret).status_code == 200
    refused = _post(plane, path, secret)
    assert (refused.status_code, _code(refused)) == (429, "rate_limit_exceeded")
    assert int(refused.headers["retry-after"]) > 0


@pytest.mark.parametrize("path", METERED)
def test_every_token_counts(plane, path):
    secret = plane.add_key(tokens_per_minute=60)
    statuses = []
    for number in range(12):
        text = f"{number} is a number, " * 4  # not cached from the call before
        fields = {"input": text} if path == "/v1/embeddings" else {}
        statuses.append(_post(plane, path, secret, **fields).status_code)
    if ENDPOINTS[path.encode()].uses_input_tokens:
        assert statuses[0] == 200
        assert statuses[-1] == 429
    else:
        assert set(statuses) == {200}


def test_every_image_counts(plane):
    secret = plane.add_key(images_per_minute=3)
    path = "/v1/images/generations"
    assert _post(plane, path, secret).status_code == 200
    assert _post(plane, path, secret).status_code == 429
    assert _post(plane, path, secret, n=1).status_code == 200
    assert _post(plane, path, secret, n=1).status_code == 429


@pytest.mark.parametrize("path", METERED)
def test_every_running_call_counts(plane, path):
    secret = plane.add_key(concurrent_requests=1)
    number = list(Task).index(ENDPOINTS[path.encode()].task or Task.GENERATE) + 1
    plane.order_fault("hang:0", number=number)
    answers: list[int] = []
    call = threading.Thread(
        target=lambda: answers.append(_post(plane, path, secret).status_code)
    )
    call.start()
    until(lambda: plane.metric("tokenfab_proxy_calls_in_flight") == 1)
    refused = _post(plane, path, secret)
    assert _code(refused) == "concurrency_limit_exceeded"
    call.join()
    assert answers == [504]  # the engine hung, and the slot came back
    until(lambda: _post(plane, path, secret).status_code == 200)


@pytest.mark.parametrize("path", METERED)
def test_every_cost_counts(plane, path):
    limit = SpendLimit(scope=Scope.KEY, period=SpendPeriod.DAY, amount_nanos=1)
    plane.seed_money(tenant_id=1)
    answer = _post(plane, path, plane.add_key(spend_limits=(limit,)))
    if _output(path) is OutputKind.COUNT:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, _code(answer)) == (402, "spend_limit_reached")


@pytest.mark.parametrize("path", METERED)
def test_without_credit_nothing_that_costs_runs(plane, path):
    plane.seed_money(tenant_id=1, credit=0)
    answer = _post(plane, path, plane.add_key(is_prepaid=True))
    if _output(path) is OutputKind.COUNT:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, _code(answer)) == (402, "insufficient_credit")


@pytest.mark.parametrize("path", [*METERED, *FREE_WITH_KEY])
def test_it_refuses_a_caller_without_a_key(plane, path):
    ask = plane.client.get if path in FREE_WITH_KEY else plane.client.post
    answer = ask(path)
    assert answer.status_code == 401
    assert _code(answer) == "missing_api_key"


@pytest.mark.parametrize("path", METERED)
def test_it_takes_the_key_in_either_header(plane, path):
    body = {"model": MODELS[ENDPOINTS[path.encode()].task or Task.GENERATE]}
    headers = {"x-api-key": plane.add_key()}
    answer = plane.client.post(path, json=body | METERED[path], headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("path", METERED)
def test_it_refuses_another_method(plane, path):
    headers = {"authorization": f"Bearer {plane.add_key()}"}
    answer = plane.client.put(path, headers=headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", METERED)
def test_it_refuses_a_model_that_does_something_else(plane, path):
    task = ENDPOINTS[path.encode()].task
    other = next(model for kind, model in MODELS.items() if kind is not task)
    answer = _post(plane, path, plane.add_key(), model=other)
    assert (answer.status_code, _code(answer)) == (400, "endpoint_not_offered")
    assert MODELS[task or Task.GENERATE] in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", FREE)
def test_it_answers_probes_without_a_key(plane, path):
    assert plane.client.get(path).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", UNKNOWN)
def test_it_refuses_an_unknown_path(plane, path, method):
    headers = {"authorization": f"Bearer {plane.add_key()}"}
    answer = plane.client.request(method, path, headers=headers)
    assert answer.status_code == 404
    assert _code(answer) == "unknown_url"
    assert plane.events() == []
