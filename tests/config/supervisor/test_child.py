"""Real programs, each a few lines of Python."""

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path

import pytest

from config.supervisor import backoff
from config.supervisor.child import Child, State
from config.supervisor.command import Command, dies_with_parent
from config.supervisor.processes import Output, Process


def make_child(code, **fields):
    said = []
    argv = (*dies_with_parent("TERM"), sys.executable, "-u", "-c", code)
    process = Process(
        name="it",
        command=lambda: Command(argv=argv, popen={"start_new_session": True}),
        environment=dict(os.environ),
        **fields,
    )
    child = Child(
        process,
        say=lambda _name, text: said.append(text),
        log=lambda _name, _text: None,
        changed=lambda: None,
    )
    return child, said


@contextlib.asynccontextmanager
async def kept_running(child, needs=()):
    keeper = asyncio.create_task(child.keep_running(list(needs)))
    try:
        yield keeper
    finally:
        await child.stop()
        await asyncio.wait([keeper], timeout=30)
        keeper.cancel()


async def until(is_so, seconds=60):
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110  a child tells nobody of its states
            await asyncio.sleep(0.01)


async def test_it_works(tmp_path):
    flag = tmp_path / "ready"
    child, said = make_child(
        f"import time; print('hello'); open({str(flag)!r}, 'w'); time.sleep(60)",
        probe=flag.stat,
    )
    async with kept_running(child):
        await asyncio.wait_for(child.ready.wait(), 10)
        assert child.state is State.READY
        pid = child.pid
        await child.stop()
        assert said == ["hello"]
        assert [child.state] == [State.STOPPED]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_step_is_done_once_and_releases_who_needs_it():
    step, said = make_child("print('migrated')", is_step=True)
    after, _ = make_child("import time; time.sleep(60)")
    async with kept_running(after, [step]):
        await asyncio.sleep(0.3)
        assert after.state is State.WAITING
        async with kept_running(step):
            await asyncio.wait_for(after.ready.wait(), 10)
    assert step.state is State.DONE
    assert said == ["migrated"]


async def test_it_is_started_again_after_a_pause():
    child, said = make_child("raise SystemExit(3)")
    began = time.monotonic()
    async with kept_running(child):
        await until(lambda: child.restarts == 2)
    assert time.monotonic() - began >= 1.0
    assert said[:2] == [
        "exited with status 3; again in 1 s",
        "exited with status 3; again in 2 s",
    ]


async def test_a_step_that_fails_twice_gives_up_and_shows_its_last_lines():
    code = "print('\\n'.join(map(str, range(30)))); raise SystemExit(1)"
    child, said = make_child(code, is_step=True, output=Output.LOGGED)
    async with kept_running(child):
        await asyncio.wait_for(child.given_up.wait(), 10)
    assert child.state is State.GIVEN_UP
    assert said[1] == "exited with status 1; giving up. Its last lines:"
    assert said[2:] == [f"  {number}" for number in range(10, 30)]


async def test_one_that_has_worked_is_never_given_up(tmp_path, monkeypatch):
    """Its database goes away for longer than five starts take, and comes back."""
    monkeypatch.setattr(backoff, "DELAY_SECONDS_MAX", 0.05)
    database = tmp_path / "database"
    database.touch()
    child, said = make_child(
        f"import os, time\nwhile os.path.exists({str(database)!r}): time.sleep(0.01)\n"
        "print('no database'); raise SystemExit(1)",
        probe=database.stat,
        output=Output.LOGGED,
    )
    async with kept_running(child):
        await asyncio.wait_for(child.ready.wait(), 10)
        database.unlink()
        await until(lambda: child.restarts > backoff.FAILURES_MAX + 1, seconds=20)
        assert not child.given_up.is_set()
        assert "failed 5 times in a row. Its last lines:" in said
        assert "  no database" in said
        database.touch()
        await asyncio.wait_for(child.ready.wait(), 10)


async def test_one_that_never_worked_is_given_up(monkeypatch):
    monkeypatch.setattr(backoff, "DELAY_SECONDS_MAX", 0.05)
    child, _ = make_child("raise SystemExit(1)", output=Output.LOGGED)
    async with kept_running(child):
        await asyncio.wait_for(child.given_up.wait(), 10)
    assert child.restarts == backoff.FAILURES_MAX - 1


async def test_a_death_during_the_probe_ends_the_wait_at_once():
    def never():
        raise ConnectionRefusedError

    child, _ = make_child("raise SystemExit(1)", probe=never)
    async with kept_running(child):
        await until(lambda: child.restarts == 1, seconds=3)


async def test_one_that_never_gets_ready_is_killed():
    def never():
        raise ConnectionRefusedError

    child, said = make_child(
        "import time; time.sleep(60)", probe=never, ready_seconds_max=0.3
    )
    async with kept_running(child):
        await until(lambda: child.restarts == 1)
    assert said[:2] == ["not ready in 0.3 s", "ended by SIGKILL; again in 1 s"]


async def test_one_that_ignores_the_signal_is_killed_with_its_own_children():
    child, said = make_child(
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "pid = os.fork()\n"
        "os.write(1, f\"{pid or 'child'}\\n\".encode())\n"
        "time.sleep(60)",
        stop_seconds_max=0.3,
    )
    async with kept_running(child):
        await until(lambda: len(said) == 2)
        await child.stop()
    assert "did not stop in 0.3 s: killed" in said
    (grandchild,) = (int(line) for line in said if line.isdecimal())
    await until(lambda: not Path(f"/proc/{grandchild}/exe").exists())


async def test_a_line_without_end_is_cut():
    child, said = make_child("import sys; sys.stdout.write('x' * 100_000)")
    async with kept_running(child):
        await until(lambda: child.restarts == 1)
    lines = [line for line in said if line.startswith("x")]
    assert sum(map(len, lines)) == 100_000
    assert max(map(len, lines)) < 40_000


async def test_it_is_not_started_again_while_everything_stops():
    child, _ = make_child("raise SystemExit(1)")
    async with kept_running(child) as keeper:
        await until(lambda: child.state is State.RESTARTING)
        child.retire()
        await asyncio.wait_for(keeper, 0.5)
