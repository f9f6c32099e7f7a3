"""`/v1/cached_prompts`, as the proxies pass it on."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models.prices import PriceVersion
from inference.cached_prompt_models import CachedPrompt
from tenants.models import ApiKey
from tests.billing.api.conftest import Api, set_price
from tests.factories import make_api_key, make_project
from tests.inference.warm_proxy import held_by

PATH = "cached_prompts"


def error_of(answer, status):
    assert answer.status_code == status, answer.content
    return answer.json()["error"]


def test_it_works(api):
    made = api.create(ttl="90m", **{"class": "elastic"})
    assert made.status_code == 201
    prompt = made.json()
    assert prompt["object"] == "cached_prompt"
    assert prompt["id"].startswith("cp_")
    assert (prompt["name"], prompt["model"]) == ("instructions", api.place.model.name)
    assert (prompt["status"], prompt["class"], prompt["tier"]) == (
        "ready",
        "elastic",
        "auto",
    )
    assert prompt["token_count"] == 217
    assert (prompt["retained_tokens"], prompt["block_size"]) == (192, 32)
    assert prompt["kv_bytes"] == 192 * prompt["kv_bytes_per_token"]
    assert prompt["locations"] == [{"tier": "hbm", "replicas": 1}]
    assert prompt["usage"] == {"prompt_tokens": 217, "cache_write_tokens": 192}
    assert prompt["ttl"] == "5400s"
    mb_s = prompt["kv_bytes"] * 3600 // 1_000_000
    nanos = (mb_s * 13_500_000 + 500_000) // 1_000_000
    assert prompt["price"]["cost_per_hour"].ljust(11, "0") == f"0.{nanos:09d}"
    assert prompt["verified_at"] >= prompt["created_at"]

    del prompt["usage"]
    by_name = api.ask("GET", f"{PATH}/instructions").json()
    assert by_name == api.ask("GET", f"{PATH}/{prompt['id']}").json() == prompt
    assert api.ask("GET", PATH).json() == {
        "object": "list",
        "data": [prompt],
        "has_more": False,
    }


def test_the_same_again_is_the_same(api):
    first, again = api.create(), api.create()
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]


def test_its_tools_are_part_of_it(api):
    tools = [{"type": "function", "function": {"parameters": {}, "name": "look"}}]
    assert api.create(tools=tools).status_code == 201
    (body,) = api.place.proxy.bodies
    assert list(body["tools"][0]["function"]) == ["parameters", "name"]
    assert error_of(api.create(), 409)["code"] == "cached_prompt_exists"
    assert api.create(tools=tools).status_code == 200


def test_its_end_is_changed(api):
    api.create(ttl="10m")
    answer = api.ask("PATCH", f"{PATH}/instructions", {"ttl": "2h"})
    assert answer.status_code == 200
    assert answer.json()["ttl"] == "7200s"
    end = (timezone.now() + timedelta(days=3)).replace(microsecond=0)
    answer = api.ask(
        "PATCH",
        f"{PATH}/instructions",
        {"expire_time": end.isoformat(), "auto_renew": True},
    )
    assert answer.json()["expires_at"] == f"{end:%Y-%m-%dT%H:%M:%S}.000Z"
    assert answer.json()["auto_renew"] is True


def test_its_tier_is_changed(api):
    api.create()
    answer = api.ask("PATCH", f"{PATH}/instructions", {"tier": "hbm"})
    assert answer.json()["tier"] == "hbm"
    assert len(api.place.proxy.orders) == 1


def test_a_tier_without_memory_changes_nothing(api):
    api.create()
    answer = api.ask("PATCH", f"{PATH}/instructions", {"tier": "host"})
    assert error_of(answer, 400)["code"] == "kv_leases_not_offered"
    assert api.ask("GET", f"{PATH}/instructions").json()["tier"] == "auto"
    assert CachedPrompt.objects.get().placements.get().claimed_until is None


def test_it_is_deleted(api):
    made = api.create().json()
    answer = api.ask("DELETE", f"{PATH}/instructions")
    assert answer.json() == {
        "id": made["id"],
        "object": "cached_prompt",
        "deleted": True,
    }
    (engine,) = api.place.engines.values()
    assert held_by(engine) == []
    assert api.ask("GET", PATH).json()["data"] == []
    assert api.ask("GET", f"{PATH}/{made['id']}").json()["status"] == "deleted"
    for method in ("GET", "DELETE", "PATCH"):
        answer = api.ask(method, f"{PATH}/instructions", {"ttl": "1h"})
        assert error_of(answer, 404)["code"] == "cached_prompt_not_found"


def test_its_history_is_told(api):
    made = api.create().json()
    api.ask("PATCH", f"{PATH}/instructions", {"auto_renew": True})
    api.ask("DELETE", f"{PATH}/instructions")
    told = api.ask("GET", f"{PATH}/{made['id']}/events").json()
    kinds = [event["type"] for event in told["data"]]
    assert kinds == ["deleted", "changed", "warmed", "created"]
    assert told["data"][1]["reason"] == "auto_renew on"
    assert told["data"][2]["kv_lease"].startswith("kvl_")
    assert told["data"][2]["tokens"] == 192


@pytest.mark.parametrize("path", ["", "/events"])
@pytest.mark.parametrize("is_by_id", [True, False])
def test_it_refuses_a_stranger_as_if_it_were_not_there(api, client, path, is_by_id):
    made = api.create().json()
    name = made["id"] if is_by_id else "instructions"
    project = make_project(tenant=api.place.api_key.tenant, name="Neighbour")
    _, neighbours = make_api_key(project=project)
    _, strangers = make_api_key()
    for secret in (neighbours, strangers):
        other = Api(client, api.place, secret)
        found = error_of(other.ask("GET", f"{PATH}/{name}{path}"), 404)
        nothing = error_of(other.ask("GET", f"{PATH}/nothing{path}"), 404)
        assert found["code"] == nothing["code"] == "cached_prompt_not_found"
        assert found["message"].replace(name, "nothing") == nothing["message"]
        if not path:
            assert other.ask("DELETE", f"{PATH}/{name}").status_code == 404
            assert (
                other.ask("PATCH", f"{PATH}/{name}", {"ttl": "1h"}).status_code == 404
            )
        assert other.ask("GET", PATH).json()["data"] == []


def test_it_says_what_there_is_where_there_is_no_room(api):
    """The guaranteed part of the engine is smaller than what may be sold."""
    assert api.create(name="first").status_code == 201
    answer = api.create(
        name="second", messages=[{"role": "system", "content": "Another word. " * 40}]
    )
    error = error_of(answer, 409)
    assert error["code"] == "kv_capacity_exhausted"
    free = error["available"]["hbm"]["tokens"]
    assert 0 < free < 217
    assert error["available"]["hbm"]["bytes"] == free * 46_080
    (alternative,) = error["alternatives"]
    assert (alternative["tier"], alternative["class"]) == ("hbm", "elastic")
    assert alternative["cost_per_hour"].startswith("0.")
    assert 3500 < error["retry_after"] <= 3600
    assert answer["retry-after"] == str(error["retry_after"])


def test_it_passes_on_what_the_proxy_says(api):
    error = {
        "message": "The credit is used up.",
        "type": "billing_error",
        "param": None,
        "code": "insufficient_credit",
    }
    api.place.proxy.refusal = (402, error)
    assert error_of(api.create(), 402) == error


def test_it_refuses_what_has_no_price(place, client):
    place.add_engine()
    api = Api(client, place, place.secret)
    assert error_of(api.create(), 400)["code"] == "kv_leases_not_offered"
    set_price(place, host_mb_s_nanos_per_million=None)
    assert error_of(api.create(tier="host"), 400)["param"] == "tier"
    assert PriceVersion.objects.count() == 1
    assert api.create(tier="hbm").status_code == 201


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"ttl": "5"}, "invalid_value", "ttl"),
        ({"ttl": "-5m"}, "invalid_value", "ttl"),
        ({"ttl": "nans"}, "invalid_value", "ttl"),
        ({"ttl": "0s"}, "invalid_value", "ttl"),
        ({"ttl": "31d"}, "invalid_value", "ttl"),
        ({"ttl": 60}, "invalid_value", "ttl"),
        ({"expire_time": "tomorrow"}, "invalid_value", "expire_time"),
        ({"expire_time": "2027-01-01T00:00:00"}, "invalid_value", "expire_time"),
        ({"expire_time": "2020-01-01T00:00:00Z"}, "invalid_value", "ttl"),
        ({"ttl": "1h", "expire_time": "x"}, "invalid_value", "expire_time"),
        ({"tier": "floppy"}, "invalid_value", "tier"),
        ({"tier": "disk"}, "kv_leases_not_offered", "tier"),
        ({"class": "first"}, "invalid_value", "class"),
        ({"messages": []}, "invalid_value", "messages"),
        ({"messages": "Hello"}, "invalid_value", "messages"),
        ({"messages": ["Hello"]}, "invalid_value", "messages[0]"),
        ({"messages": [{"content": "x"}]}, "invalid_value", "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "invalid_value", "messages[0].content"),
        ({"tools": {}}, "invalid_value", "tools"),
        ({"tools": ["x"]}, "invalid_value", "tools"),
        ({"colour": "red"}, "unknown_parameter", "colour"),
        ({"name": "a b"}, "invalid_value", "name"),
        ({"replicas": 9}, "invalid_value", "replicas"),
    ],
)
def test_it_refuses(api, changes, code, param):
    error = error_of(api.create(**changes), 400)
    assert (error["code"], error["param"]) == (code, param)
    assert error["type"] == "invalid_request_error"
    assert not CachedPrompt.objects.exists()


def test_it_refuses_what_is_incomplete_or_no_json(api):
    error = error_of(api.ask("POST", PATH, {"name": "x", "model": "default"}), 400)
    assert (error["code"], error["param"]) == ("missing_required_parameter", "messages")
    for body in (b"\xff", b"[", b"[" * 100_000):
        error = error_of(api.ask("POST", PATH, body), 400)
        assert error["code"] in {"invalid_json", "invalid_value"}
    api.create()
    error = error_of(api.ask("PATCH", f"{PATH}/instructions", {}), 400)
    assert error["code"] == "missing_required_parameter"


def test_it_refuses_what_is_too_large(api):
    text = [{"role": "user", "content": "x" * 1_048_576}]
    assert error_of(api.create(messages=text), 413)["code"] == "body_too_large"
    body = b" " * (4 * 1024 * 1024 + 1)
    assert error_of(api.ask("POST", PATH, body), 413)["code"] == "body_too_large"


def test_it_refuses_other_content_under_the_name(api):
    api.create()
    other = [{"role": "system", "content": "Something else entirely. " * 20}]
    error = error_of(api.create(messages=other), 409)
    assert (error["code"], error["param"]) == ("cached_prompt_exists", "name")


def test_it_refuses_a_key_that_is_none(api, client):
    other = Api(client, api.place, "tf_live_wrong")
    error = error_of(other.create(), 401)
    assert (error["code"], error["type"]) == ("invalid_api_key", "authentication_error")


def test_it_refuses_another_method(api):
    answer = api.ask("PUT", PATH)
    assert error_of(answer, 405)["code"] == "method_not_allowed"
    assert answer["allow"] == "POST, GET"


def test_it_refuses_a_key_whose_scopes_leave_it_out(api):
    ApiKey.objects.update(scopes=["generate"])
    assert error_of(api.ask("GET", PATH), 403)["code"] == "scope_missing"
    ApiKey.objects.update(scopes=["kv"])
    assert api.ask("GET", PATH).status_code == 200
