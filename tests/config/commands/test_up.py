"""Given a machine, when somebody runs `manage.py up`, then all of it runs, and however
it ends nothing stays behind.
"""

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.running import RunningTokenfab, clean_environment, run_manage

pytestmark = [pytest.mark.slow]  # each start is some ten real processes

ALL = (
    "postgres",
    "valkey",
    "web",
    "proxy-0",
    "shipper",
    "leases",
    "money",
    "tasks",
    "engine",
)
ORPHAN_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 10.0


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningTokenfab]]:
    """Starts a Tokenfab on one state folder; the test's end ends it."""
    started = []

    def start_one(**environment: str) -> RunningTokenfab:
        home = tmp_path / "state"
        started.append(RunningTokenfab(home, **{"ENGINE": "simulator"} | environment))
        return started[-1]

    yield start_one
    for one in started:
        one.clean_up()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTokenfab]:
    """One that no test stops. Its start has two difficulties: the usual port is taken,
    and the state folder's path is longer than a unix socket's may be.
    """
    home = tmp_path_factory.mktemp("long") / ("path" * 30)
    with socket.socket() as holder, contextlib.suppress(OSError):
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # If somebody else holds it already, that is as good.
        with contextlib.suppress(OSError):
            holder.bind(("127.0.0.1", 8000))
            holder.listen()
        tokenfab = RunningTokenfab(home, ENGINE="simulator")
        try:
            tokenfab.wait_until_up()
            yield tokenfab
        finally:
            tokenfab.clean_up()


def services(tokenfab: RunningTokenfab) -> dict[str, str]:
    return dict(json.loads((tokenfab.home / "run" / "services.json").read_text()))


def test_it_works(start):
    tokenfab = start()
    tokenfab.wait_until_ready(*ALL)
    endpoints = tokenfab.wait_until_up()
    assert httpx.get(f"{endpoints['portal']}/healthz").status_code == 200
    assert httpx.get(f"{endpoints['api']}/readyz").status_code == 200
    assert endpoints["mailbox"] == f"{endpoints['portal']}/dev/mailbox/"
    assert endpoints["operator_login"].startswith(f"{endpoints['portal']}/operator/")
    assert {*ALL, "supervisor"} <= set(endpoints["pids"])

    began = time.monotonic()
    assert tokenfab.stop(signal.SIGINT) == 0
    assert time.monotonic() - began < STOP_SECONDS_MAX
    assert tokenfab.survivors() == []
    assert not (tokenfab.home / "run" / "endpoints.json").exists()

    printed = tokenfab.output.read_text()
    for value in (endpoints["portal"], endpoints["api"], endpoints["operator_login"]):
        assert value in printed
    logs = (tokenfab.home / "log").glob("*.log")
    assert not any("/operator/login/" in path.read_text() for path in logs)


def test_it_refuses_to_run_twice_on_one_state_folder(running):
    second = running.manage("up")
    assert second.returncode == 1
    assert f"runs already, as pid {running.process.pid}" in second.stderr
    assert running.process.poll() is None


def test_it_refuses_a_wanted_port_that_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        refused = run_manage("up", environment=clean_environment(tmp_path, PORT=port))
    assert refused.returncode == 1
    assert refused.stderr == (
        f"Port {port} is taken by pid {os.getpid()}; choose another with PORT=.\n"
    )


def test_it_refuses_a_state_folder_it_cannot_write(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    refused = run_manage("up", environment=clean_environment(blocker / "state"))
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert str(blocker) in refused.stderr


def test_it_says_who_holds_the_usual_port_and_takes_the_next(running):
    assert running.wait_until_up()["portal"] != "http://127.0.0.1:8000"
    assert "Port 8000 is taken by pid" in running.output.read_text()


def test_a_long_path_moves_the_engines_socket_to_a_private_folder(running):
    running.wait_until_ready("engine")
    path = Path(services(running)["ENGINE_SOCKET"])
    assert path.is_socket()
    assert not path.is_relative_to(running.home)
    assert path.parent.stat().st_mode & 0o077 == 0


def test_status_shows_every_process(running):
    running.wait_until_ready(*ALL)
    status = running.manage("status")
    assert status.returncode == 0
    pids = running.wait_until_up()["pids"]
    for name in ALL:
        row = next(line for line in status.stdout.splitlines() if line.startswith(name))
        assert row.split()[1:3] == ["ready", str(pids[name])]
    assert "engine     ready: smollm2-135m-instruct" in status.stdout


def test_what_it_writes_is_for_its_user_alone(running):
    for name in ("services.json", "endpoints.json"):
        assert (running.home / "run" / name).stat().st_mode & 0o077 == 0


def test_the_database_waits_for_the_disk(running):
    running.wait_until_ready("postgres")
    with psycopg.connect(services(running)["DATABASE_URL"]) as database:
        assert database.execute("SHOW fsync").fetchone() == ("on",)


def test_a_child_that_dies_is_started_again(running):
    running.wait_until_ready("proxy-0")
    before = running.wait_until_up()["pids"]["proxy-0"]
    os.kill(before, signal.SIGKILL)
    running.wait_until(lambda: running.state("proxy-0") == "restarting")
    running.wait_until_ready("proxy-0")
    endpoints = running.wait_until_up()
    assert endpoints["pids"]["proxy-0"] != before
    assert httpx.get(f"{endpoints['api']}/healthz").status_code == 200


def test_given_servers_are_used_and_neither_started_nor_stopped(running, start):
    running.wait_until_ready("engine")
    given = services(running)
    tokenfab = start(
        DATABASE_URL=given["DATABASE_URL"],
        VALKEY_URL=given["VALKEY_URL"],
        ENGINE_URLS=f"unix:{given['ENGINE_SOCKET']}",
    )
    endpoints = tokenfab.wait_until_up()
    assert not {"postgres", "valkey", "engine"} & set(endpoints["pids"])
    assert tokenfab.stop() == 0
    running.wait_until_ready("postgres", "valkey", "engine")


def test_down_stops_it_from_another_terminal(start):
    tokenfab = start()
    tokenfab.wait_until(lambda: tokenfab.state("postgres") == "ready")
    down = tokenfab.manage("down")
    assert (down.returncode, down.stdout) == (0, "Tokenfab has stopped.\n")
    assert tokenfab.process.wait(timeout=STOP_SECONDS_MAX) == 0
    assert tokenfab.survivors() == []
    assert tokenfab.manage("down").stdout == "Tokenfab is not running.\n"
    assert tokenfab.manage("status").returncode == 1


def test_a_killed_supervisor_leaves_no_orphan_and_the_next_start_recovers(start):
    """Valkey is suspended meanwhile, so that its death signal cannot work: the next
    start has something left to stop.
    """
    tokenfab = start()
    pids = tokenfab.wait_until_up()["pids"]
    opened = tokenfab.manage("open_tenant", "Kept", "--email", "kept@example.com")
    assert opened.returncode == 0, opened.stderr
    os.kill(pids["valkey"], signal.SIGSTOP)
    tokenfab.process.kill()
    tokenfab.process.wait()
    deadline = time.monotonic() + ORPHAN_SECONDS_MAX
    while len(tokenfab.survivors()) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert tokenfab.survivors() == [pids["valkey"]]

    again = start()
    again.wait_until_up()
    assert f"left behind: {pids['valkey']}" in again.output.read_text()
    code = "from tenants.models import Tenant; print(Tenant.objects.get().name)"
    assert again.manage("shell", "-v", "0", "-c", code).stdout == "Kept\n"
    assert again.stop(signal.SIGTERM) == 0
    assert again.survivors() == []
