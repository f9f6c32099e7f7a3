"""`POST /v1/kv_quotes`: cost and use of keeping KV, before it is bought."""

import pytest

from tests.billing.api.conftest import Api

BYTES_PER_TOKEN = 46_080


def quote(api, **body):
    return api.ask("POST", "kv_quotes", {"model": "default"} | body)


def error_of(answer, status):
    assert answer.status_code == status, answer.content
    return answer.json()["error"]


def test_it_works(api):
    """1,024 tokens of SmolLM2 in 32 bits for an hour, at the default prices: 0.10 USD
    per million tokens, 13.5 nanos per MB_s.
    """
    answer = quote(api, tokens=1024, ttl="1h", turns_per_hour=100)
    assert answer.status_code == 200
    found = answer.json()
    assert (found["tokens"], found["seconds"], found["turns"]) == (1024, 3600, 100)
    (hbm,) = found["tiers"]
    size = 1024 * BYTES_PER_TOKEN
    mb_s = size * 3600 // 1_000_000  # 169,869
    assert (hbm["tier"], hbm["bytes"], hbm["MB_s"]) == ("hbm", size, mb_s)
    assert hbm["cost"] == "0.002293232"  # 169,869 * 13.5, half up
    assert hbm["input_saved_per_turn"] == "0.0001024"
    assert hbm["break_even_turns"] == 23  # 22.4
    assert hbm["break_even_seconds"] == 160  # 102,400 / (47.19 MB * 13.5)
    assert hbm["input_saved"] == "0.01024"
    assert hbm["net_saved"] == "0.007946768"
    assert hbm["available"] is False  # of 64 blocks one tenant may have 16
    assert hbm["available_tokens"] == 512


def test_it_counts_messages(api):
    messages = [{"role": "system", "content": "Answer in one word. " * 30}]
    answer = quote(api, messages=messages, timeout="15s")
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert found["tokens"] == 217
    assert found["turns"] is None
    (hbm,) = found["tiers"]
    assert hbm["bytes"] == 192 * BYTES_PER_TOKEN
    assert (hbm["available"], hbm["offered"]) == (True, True)
    assert hbm["net_saved"] is None
    assert api.place.proxy.orders == []  # nothing is computed or charged


def test_it_may_be_a_loss(api):
    found = quote(api, tokens=1024, ttl="1h", turns_per_hour=1).json()
    assert found["tiers"][0]["net_saved"] == "-0.002190832"


def test_what_is_not_sold_has_no_price(place, client):
    place.add_engine()
    api = Api(client, place, place.secret)
    (hbm,) = quote(api, tokens=64, ttl="1h").json()["tiers"]
    assert (hbm["offered"], hbm["available"]) == (False, False)
    assert "cost" not in hbm


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"ttl": "1h"}, "missing_required_parameter", "tokens"),
        ({"tokens": 1}, "missing_required_parameter", "timeout"),
        ({"tokens": 0, "ttl": "1h"}, "invalid_value", "tokens"),
        ({"tokens": True, "ttl": "1h"}, "invalid_value", "tokens"),
        ({"tokens": 1, "ttl": "0s"}, "invalid_value", "ttl"),
        ({"tokens": 1, "timeout": "31d"}, "invalid_value", "timeout"),
        (
            {"tokens": 1, "ttl": "1h", "turns_per_hour": 0},
            "invalid_value",
            "turns_per_hour",
        ),
        ({"messages": [], "ttl": "1h"}, "invalid_value", "messages"),
    ],
)
def test_it_refuses(api, body, code, param):
    error = error_of(quote(api, **body), 400)
    assert (error["code"], error["param"]) == (code, param)


def test_it_refuses_a_model_that_is_not_there(api):
    error = error_of(quote(api, model="unheard-of", tokens=1, ttl="1h"), 404)
    assert error["code"] == "model_not_found"
