import os
import socket
from collections.abc import Iterator

import pytest

from config.supervisor import ports


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]


def test_it_works(taken):
    assert not ports.is_free(taken)
    assert ports.next_free_port(taken) > taken
    assert ports.is_free(ports.any_free_port())


def test_it_names_the_process_that_holds_a_port(taken):
    assert ports.holder_of(taken) == os.getpid()
    assert ports.holder_of(ports.any_free_port()) is None


def test_a_port_taken_on_every_address_is_taken():
    with socket.create_server(("0.0.0.0", 0)) as holder:  # noqa: S104  that is the case
        assert not ports.is_free(holder.getsockname()[1])


def test_ports_that_several_proxies_share_are_taken():
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        assert not ports.is_free(holder.getsockname()[1])


def test_it_refuses_a_range_without_a_free_port(monkeypatch):
    # A hundred real listeners in a row could collide with other programs.
    monkeypatch.setattr(ports, "is_free", lambda _port: False)
    with pytest.raises(ports.NoFreePortError, match="8000 to 8099"):
        ports.next_free_port(8000)
