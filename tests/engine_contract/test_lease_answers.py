"""Where an answer tells its lease, and how questions about leases are refused."""

import pytest

from tests.engine_contract.lease_engines import Control, Conversation

PROMPT = "Tell me of the sea. " * 20
CHAT = {"messages": [{"role": "user", "content": PROMPT}]}
ONE = "leases/kvl_1"


@pytest.fixture(autouse=True)
def control(leasing):
    made = Control(leasing)
    yield made
    made.release_all()


@pytest.fixture
def ask(leasing):
    def post(path, body):
        """The terms, and the answer to a request that brings them."""
        conversation = Conversation(leasing)
        terms = conversation.terms()
        body |= {
            "temperature": 1,
            "max_tokens": 8,
            "cache_salt": conversation.salt,
            "kv_transfer_params": {"lease": conversation.signed(terms)},
        }
        answer = leasing.post(f"/v1/{path}", body)
        assert answer.status_code == 200, answer.text
        return terms, answer.json()

    return post


def test_it_works(ask):
    """Members have the order of vLLM, which the proxy relays."""
    terms, answer = ask("messages", dict(CHAT))
    assert list(answer)[-2:] == ["usage", "kv_transfer_params"]
    assert answer["kv_transfer_params"]["lease"]["lease_id"] == terms.lease_id


@pytest.mark.parametrize(
    ("path", "body"), [("chat/completions", CHAT), ("completions", {"prompt": PROMPT})]
)
def test_choices_share_a_lease_that_only_receipts_tell(ask, control, path, body):
    before = control.status
    terms, answer = ask(path, body | {"n": 2})
    assert answer["kv_transfer_params"] is None
    (granted,) = control.events(before["last_sequence"])
    assert (granted["lease_id"], granted["fact"]) == (terms.lease_id, "granted")
    replayed = before["rejected"].get("replayed", 0)
    assert control.status["rejected"]["replayed"] == replayed + 1


def test_of_several_prompts_the_first_is_leased(ask, control):
    terms, answer = ask("completions", {"prompt": [PROMPT, f"Now. {PROMPT}"]})
    assert answer["kv_transfer_params"]["lease"]["lease_id"] == terms.lease_id
    assert len(control.leases()) == 1


def test_the_end_of_a_response_tells_its_lease(leasing, control):
    conversation = Conversation(leasing)
    terms = conversation.terms()
    body = {"input": PROMPT, "max_output_tokens": 8, "cache_salt": conversation.salt}
    body |= {"kv_transfer_params": {"lease": conversation.signed(terms)}}
    events = leasing.events("/v1/responses", body)
    told = [
        one["response"]["kv_transfer_params"] for one in events if "response" in one
    ]
    assert told[:-1] == [None, None]
    assert told[-1]["lease"]["lease_id"] == terms.lease_id
    assert len(control.leases()) == 1


@pytest.mark.parametrize(
    ("method", "path", "query", "param"),
    [
        ("GET", ONE, {}, "tenant_id"),
        ("DELETE", ONE, {}, "tenant_id"),
        ("POST", f"{ONE}/extend", {"tenant_id": "a"}, "ttl_ms"),
        ("POST", f"{ONE}/extend", {"tenant_id": "a", "ttl_ms": "long"}, "ttl_ms"),
        ("GET", "lease_events", {"wait_seconds": 31}, "wait_seconds"),
        ("GET", "lease_events", {"wait_seconds": "nan"}, "wait_seconds"),
        ("GET", "lease_events", {"sequence": "x"}, "sequence"),
    ],
)
def test_it_refuses_a_question_without_its_parts(control, method, path, query, param):
    answer = control.call(method, path, **query)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("Bad Request", f"query.{param}")


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", ONE, {"tenant_id": ""}),
        ("POST", f"{ONE}/extend", {"tenant_id": "a", "ttl_ms": -1}),
        ("GET", "lease_events", {"sequence": -1}),
        ("GET", "lease_events", {"count_max": 0}),
    ],
)
def test_it_refuses_what_is_out_of_bounds(control, method, path, query):
    answer = control.call(method, path, **query)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Expected ")


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("PUT", ONE, 405, "GET"),
        ("POST", "leases", 405, "GET"),
        ("GET", f"{ONE}/extend", 405, "POST"),
        ("GET", "leases/a/b", 404, None),
        ("GET", "nothing", 404, None),
    ],
)
def test_it_refuses_another_method_or_path(control, method, path, status, allowed):
    answer = control.call(method, path)
    assert (answer.status_code, answer.headers.get("allow")) == (status, allowed)
