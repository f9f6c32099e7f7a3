"""Every route of the data plane, on a real proxy: it asks for a key, holds its limits
and leaves one usage event; whatever is not listed here is refused.
"""

import pytest

from metering.proxy import server
from metering.proxy.transform.endpoints import ENDPOINTS
from tests.metering.proxy.conftest import Plane, until

METERED: dict[str, dict[str, object]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "Hello"}]},
    "/v1/completions": {"prompt": "Hello"},
}
"""Path -> its prompt. A new endpoint is listed here, and so gets these tests."""
FREE_WITH_KEY = ("/v1/models",)
FREE = ("/healthz", "/readyz", "/metrics")
UNKNOWN = (
    "/",
    "/v1",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/chat/completions/",
    "/v1//completions",
    "/tokenize",
    "/load",
    "/simulator/fault",
)


@pytest.fixture(scope="module")
def route_plane(tmp_path_factory):
    plane = Plane(tmp_path_factory.mktemp("routes"), None)  # type: ignore[arg-type]
    yield plane
    plane.stop()


@pytest.fixture
def plane(route_plane, valkey):
    route_plane.valkey = valkey
    if not route_plane.processes:
        route_plane.start_engine()
        route_plane.start_proxy()
    route_plane.begin_test()
    return route_plane


def _post(plane, path, secret, **fields):
    body = {"model": "default", "max_tokens": 4, **METERED.get(path, {}), **fields}
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    return plane.client.post(path, json=body, headers=headers)


def test_the_tables_name_these_routes_and_no_others():
    assert {path.encode() for path in METERED} == set(ENDPOINTS)
    assert {path.encode() for path in FREE} == server._OPEN_PATHS
    assert {path.encode() for path in FREE_WITH_KEY} == {server._MODELS_PATH}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", METERED)
def test_it_leaves_one_usage_event(plane, path, stream):
    answer = _post(plane, path, plane.add_key(), stream=stream)
    assert answer.status_code == 200
    (event,) = until(plane.events)
    assert event.endpoint == ENDPOINTS[path.encode()].name
    assert event.output_tokens == 4


@pytest.mark.parametrize("path", METERED)
@pytest.mark.parametrize(
    ("limit", "enough_for_one"),
    [("requests_per_minute", 1), ("tokens_per_minute", 60)],
)
def test_it_holds_every_limit(plane, path, limit, enough_for_one):
    secret = plane.add_key(**{limit: enough_for_one})
    assert _post(plane, path, secret).status_code == 200
    refused = [_post(plane, path, secret).status_code for _ in range(8)]
    assert 429 in refused
    assert set(refused) <= {200, 429}
    if limit == "requests_per_minute":
        assert set(refused) == {429}


@pytest.mark.parametrize("path", [*METERED, *FREE_WITH_KEY])
def test_it_refuses_a_caller_without_a_key(plane, path):
    ask = plane.client.get if path in FREE_WITH_KEY else plane.client.post
    answer = ask(path)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "missing_api_key"


@pytest.mark.parametrize("path", FREE)
def test_it_answers_probes_without_a_key(plane, path):
    assert plane.client.get(path).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", UNKNOWN)
def test_it_refuses_an_unknown_path(plane, path, method):
    headers = {"authorization": f"Bearer {plane.add_key()}"}
    answer = plane.client.request(method, path, headers=headers)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_url"
    assert plane.events() == []
