"""Where an estimate would decide between yes and no, the prompt is counted."""

from concurrent.futures import ThreadPoolExecutor

from tenants.wire import Scope, SpendLimit, SpendPeriod
from tests.metering.proxy.conftest import Plane, until

NANO_PER_TOKEN_IN, NANO_PER_TOKEN_OUT = 100, 400


def used(plane: Plane) -> int:
    return sum(
        event.input_tokens - event.cached_input_tokens + event.output_tokens
        for event in plane.events()
    )


def test_a_prompt_of_few_tokens_fits_where_its_bytes_would_not(plane: Plane):
    """The estimate is 0.3 tokens a byte; this prompt has far fewer."""
    secret = plane.add_key(tokens_per_minute=470)
    content = "cat sat mat hat " * 100
    tokens = plane.chat(plane.add_key(), content).json()["usage"]["prompt_tokens"]
    assert tokens + 8 <= 470 < int(len(content) * 0.3)
    assert plane.chat(secret, content).status_code == 200


def test_a_prompt_of_many_tokens_does_not_slip_by(plane: Plane):
    """Its estimate fits, and what the engine will count does not."""
    content = "a b c d e f g h i j " * 20
    tokens = plane.chat(plane.add_key(), content).json()["usage"]["prompt_tokens"]
    estimate = 32 + int(len(content) * 0.3)
    limit = (tokens + estimate) // 2 + 8
    assert estimate + 8 <= limit < tokens + 8
    secret = plane.add_key(tokens_per_minute=limit, are_cached_tokens_limited=True)
    refused = plane.chat(secret, content)
    assert refused.status_code == 429
    assert str(tokens + 8) in refused.json()["error"]["message"]


def test_parallel_calls_fill_a_limit_and_never_pass_it(plane: Plane):
    """litellm#24677: limits tripped a third too early; litellm#18730: or not at all."""
    limit = 2000
    secret = plane.add_key(tokens_per_minute=limit)
    prompts = [f"{number} b c d e f g h i j " * 8 for number in range(60)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda prompt: plane.chat(secret, prompt), prompts))
    for number in range(100, 200):  # what the others held and did not use
        if plane.chat(secret, f"{number} b c d e f g h i j " * 8).status_code == 429:
            break
    largest = max(event.input_tokens + event.output_tokens for event in plane.events())
    assert limit - largest < used(plane) <= limit


def test_a_call_without_a_ceiling_gets_what_its_credit_is_worth(plane: Plane):
    """It is cut at the money, not refused, and the credit is not overdrawn."""
    secret = plane.add_key(is_prepaid=True)
    counted = plane.chat(plane.add_key(), "Everything").json()["usage"]
    input_cost = counted["prompt_tokens"] * NANO_PER_TOKEN_IN
    credit = input_cost + 25 * NANO_PER_TOKEN_OUT
    plane.seed_money(tenant_id=1, credit=credit)
    answer = plane.chat(secret, "Everything", max_tokens=None, ignore_eos=True)
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["finish_reason"] == "length"
    # All of the credit, but for what was held as new input and came from the cache.
    assert answer.json()["usage"]["completion_tokens"] == 25
    assert sum(one.cost_nanos for one in plane.events()[1:]) <= credit


def test_money_is_held_for_the_worst_case(plane: Plane):
    limit = SpendLimit(
        scope=Scope.PROJECT, period=SpendPeriod.MONTH, amount_nanos=100_000
    )
    plane.seed_money(tenant_id=1)
    secret = plane.add_key(spend_limits=(limit,))
    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(
                lambda number: plane.chat(secret, f"{number} bottles", max_tokens=50),
                range(40),
            )
        )
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {200, 402}
    until(lambda: plane.metric("tokenfab_proxy_calls_in_flight") == 0)
    spent = sum(one.cost_nanos for one in plane.events())
    assert 0 < spent <= 100_000
    refused = next(one for one in answers if one.status_code == 402)
    assert refused.json()["error"]["code"] == "spend_limit_reached"
    assert refused.headers["x-should-retry"] == "false"


def test_every_prompt_of_a_list_has_its_own_answer(plane: Plane):
    """Three prompts of one call may make three times `max_tokens`."""
    limit = SpendLimit(
        scope=Scope.KEY, period=SpendPeriod.DAY, amount_nanos=60 * NANO_PER_TOKEN_OUT
    )
    plane.seed_money(tenant_id=1)
    secret = plane.add_key(spend_limits=(limit,))

    def complete(prompt: object) -> int:
        return plane.client.post(
            "/v1/completions",
            json={"model": "default", "prompt": prompt, "max_tokens": 25},
            headers={"authorization": f"Bearer {secret}"},
        ).status_code

    assert complete(["one", "two", "three"]) == 402
    assert complete("one") == 200
