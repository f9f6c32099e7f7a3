"""A key with scopes is for these alone, on every path of the data plane."""

import pytest

from inference.wire import Task
from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.scopes import check_scope
from metering.proxy.transform.endpoints import ENDPOINTS
from tenants.wire import KeyPolicy, KeyScope
from tests.metering.proxy.conftest import MODELS, Plane, until

ASK = {"model": "default", "messages": [{"role": "user", "content": "Hi"}]}
OTHERS = (
    ("GET", "/v1/responses/resp_1", KeyScope.GENERATE),
    ("GET", "/v1/kv_leases/kvl_1", KeyScope.KV),
    ("POST", "/v1/kv_leases/kvl_1/extend", KeyScope.KV),
    ("POST", "/v1/kv_quotes", KeyScope.KV),
    ("GET", "/v1/cached_prompts", KeyScope.KV),
    ("DELETE", "/v1/cached_prompts/x", KeyScope.KV),
)


def key_of(plane: Plane, *scopes: KeyScope) -> dict[str, str]:
    """Headers of a new key, once the proxy has read it."""
    headers = {"authorization": f"Bearer {plane.add_key(scopes=scopes or None)}"}
    until(lambda: plane.client.get("/v1/models", headers=headers).is_success)
    return headers


def test_it_works(plane: Plane):
    headers = key_of(plane, KeyScope.GENERATE)
    body = {**ASK, "max_tokens": 4}
    assert plane.client.post(
        "/v1/chat/completions", json=body, headers=headers
    ).is_success


def test_it_refuses_in_the_words_of_each_dialect(plane: Plane):
    headers = key_of(plane, KeyScope.EMBED, KeyScope.KV)
    body = {**ASK, "max_tokens": 4}
    chat = plane.client.post("/v1/chat/completions", json=body, headers=headers)
    assert chat.status_code == 403
    assert chat.json()["error"] == {
        "code": "scope_missing",
        "message": "This API key is not for this endpoint: its scopes leave out "
        "`generate`.",
        "param": None,
        "type": "permission_error",
    }
    message = plane.client.post("/v1/messages", json=body, headers=headers)
    assert message.status_code == 403
    assert message.json()["error"]["type"] == "permission_error"
    assert message.json()["error"]["code"] == "scope_missing"
    assert plane.events() == []


@pytest.mark.parametrize(("method", "path", "needed"), OTHERS)
def test_it_refuses_what_is_beside_calls_of_models(
    plane: Plane, method: str, path: str, needed: KeyScope
):
    others = [scope for scope in KeyScope if scope != needed]
    headers = key_of(plane, *others)
    answer = plane.client.request(method, path, headers=headers)
    assert answer.status_code == 403
    assert f"`{needed}`" in answer.json()["error"]["message"]


def policy_with(scopes: tuple[KeyScope, ...] | None) -> KeyPolicy:
    return KeyPolicy(
        api_key_id=1,
        tenant_id=1,
        project_id=1,
        digest="",
        state="active",
        expires_at=None,
        allowed_models=None,
        scopes=scopes,
        rate_limits=(),
        spend_limits=(),
        is_prepaid=False,
        counts_spend=False,
        are_cached_tokens_limited=False,
        refuses_without_limiter=False,
        cache_salt="",
    )


@pytest.mark.parametrize("path", ENDPOINTS, ids=bytes.decode)
def test_every_metered_endpoint_needs_the_scope_of_its_task(path: bytes):
    endpoint = ENDPOINTS[path]
    assert endpoint.task in MODELS
    needed = KeyScope(Task(endpoint.task).value)
    check_scope(policy_with(None), path, endpoint)
    check_scope(policy_with((needed,)), path, endpoint)
    others = tuple(scope for scope in KeyScope if scope != needed)
    with pytest.raises(RefusedError) as caught:
        check_scope(policy_with(others), path, endpoint)
    assert caught.value.refusal is errors.SCOPE_MISSING
