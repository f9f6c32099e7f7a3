"""Scripts of the portal's pages may call; those of other sites are shown nothing."""

import pytest

from tests.metering.proxy.conftest import Plane

PORTAL = "http://127.0.0.1"
CHAT = "/v1/chat/completions"
ALLOW = "access-control-allow-origin"


def preflight(plane: Plane, path: str, origin: str = PORTAL):
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, content-type",
    }
    return plane.client.options(path, headers=headers)


def test_it_works(plane: Plane, secret: str):
    asked = preflight(plane, CHAT)
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers[ALLOW] == PORTAL
    assert asked.headers["access-control-allow-methods"] == "POST"
    allowed = asked.headers["access-control-allow-headers"]
    assert allowed == "authorization, content-type"

    client = plane.new_client()
    client.headers["origin"] = PORTAL
    for stream in (False, True):
        answer = plane.chat(secret, client=client, stream=stream)
        assert answer.status_code == 200
        assert answer.headers[ALLOW] == PORTAL
        assert "x-request-id" in answer.headers["access-control-expose-headers"]
    refused = plane.chat("tf_live_nobody", client=client)
    assert (refused.status_code, refused.headers[ALLOW]) == (401, PORTAL)
    client.close()


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/kv_quotes", "POST"),
        ("/v1/kv_leases/kvl_0190", "GET, DELETE"),
        ("/v1/kv_leases/kvl_0190/extend", "POST"),
    ],
)
def test_a_preflight_names_the_methods_of_the_path(plane: Plane, path, methods):
    answer = preflight(plane, path)

    assert answer.headers["access-control-allow-methods"] == methods


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://127.0.0.1.evil.example", "null", ""]
)
def test_it_shows_nothing_to_other_sites(plane: Plane, secret: str, origin: str):
    asked = preflight(plane, CHAT, origin)
    assert asked.status_code == 405
    assert ALLOW not in asked.headers

    client = plane.new_client()
    client.headers["origin"] = origin
    answer = plane.chat(secret, client=client)
    assert answer.status_code == 200  # a browser withholds it from the script
    assert ALLOW not in answer.headers
    client.close()


def test_a_client_that_is_no_browser_sees_none_of_it(plane: Plane, secret: str):
    assert not any("access-control" in name for name in plane.chat(secret).headers)
    assert plane.client.options(CHAT).status_code == 405


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
def test_it_refuses_a_preflight_of_what_is_not_of_the_api(plane: Plane, path: str):
    assert preflight(plane, path).status_code == 405
