"""One refusal, in the words of each dialect."""

import json

from metering.proxy import errors
from metering.proxy.errors import Dialect, Refusal, RefusedError

EVERY = [one for one in vars(errors).values() if isinstance(one, Refusal)]


def test_openais_shape():
    error = RefusedError(errors.UNKNOWN_MODEL, "No such model.", param="model")
    assert json.loads(error.body(Dialect.OPENAI, request_id="ab")) == {
        "error": {
            "message": "No such model.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    }


def test_anthropics_shape():
    error = RefusedError(errors.UNKNOWN_MODEL, "No such model.", param="model")
    assert json.loads(error.body(Dialect.ANTHROPIC, request_id="ab")) == {
        "type": "error",
        "error": {
            "type": "not_found_error",
            "message": "No such model.",
            "code": "model_not_found",
        },
        "request_id": "req_ab",
    }


def test_a_clients_fault_never_looks_like_ours_to_anthropics_clients():
    for refusal in EVERY:
        body = RefusedError(refusal, "x").body(Dialect.ANTHROPIC, request_id="")
        kind = json.loads(body)["error"]["type"]
        is_ours = kind in {"api_error", "overloaded_error", "timeout_error"}
        assert is_ours == (refusal.status >= 500), refusal
