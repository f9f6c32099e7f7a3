"""What the simulator does and the real engine's default model refuses."""

import math

import pytest

PATH = "/v1/embeddings"


def test_it_works(start):
    engine = start(SIMULATOR_TASK="embed", SIMULATOR_FAULTS="1")
    body = {"input": "The sea", "dimensions": 8}
    (found,) = engine.post(PATH, body).json()["data"]
    assert len(found["embedding"]) == 8
    assert math.hypot(*found["embedding"]) == pytest.approx(1, abs=1e-6)
    for fault, status in (("no-usage", 200), ("break", 500), ("status:502", 502)):
        answer = engine.post(PATH, body, **{"x-simulator-fault": fault})
        assert answer.status_code == status
        assert answer.json().get("usage") is None


def test_it_refuses_more_numbers_than_it_has(start):
    engine = start(SIMULATOR_TASK="embed")
    answer = engine.post(PATH, {"input": "The sea", "dimensions": 577})
    assert answer.status_code == 400
