"""Engines that have no lease to give: one that has just begun, one that never can."""

import pytest

from tests.engine_contract.lease_engines import (
    WINDOWED,
    Control,
    Conversation,
    run_tiny,
    run_tiny_vllm,
    some_tokens,
)

ENGINE = pytest.mark.engine


@pytest.mark.parametrize("kind", ["simulator", pytest.param("vllm", marks=ENGINE)])
def test_it_works(tmp_path, kind):
    """After a restart nothing is held, and the signed hash proves what was."""
    with run_tiny(kind, tmp_path / "first") as engine:
        conversation = Conversation(engine)
        first = conversation.turn()
        lost = conversation.lease_id
    with run_tiny(kind, tmp_path / "second") as engine:
        conversation.engine, control = engine, Control(engine)
        assert control.status["epoch"] != first["epoch"]
        assert control.leases() == []
        mine = {"tenant_id": conversation.tenant_id}
        assert control.call("GET", f"leases/{lost}", **mine).status_code == 404
        again = conversation.turn(says=some_tokens(19))
        assert (again["cached"], again["reusable_tokens"]) == (0, 288)
        assert (again["sequence"], again["previous_lease_id"]) == (1, lost)


@ENGINE
def test_it_refuses_a_model_that_sees_a_window(tmp_path):
    with run_tiny_vllm(tmp_path, WINDOWED) as engine:
        control = Control(engine)
        refused = Conversation(engine).turn()
        assert (refused["fact"], refused["reason"]) == ("refused", "unsupported_model")
        status = control.status
        assert (status["leases"], status["held_blocks"]) == (0, 0)
        assert "window" in status["unsupported"].lower()
