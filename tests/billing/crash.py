"""Death by SIGKILL at every step that an act takes in the database.

A step is a statement or a commit; the process dies before each one, and after each
commit. What it did outside the database since the step before has then happened, and
nobody was told: that is the moment at which things are lost or done twice.
"""

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any, TypeVar
from unittest.mock import patch

from django.db import connection, connections

Subject = TypeVar("Subject")
STEPS_MAX = 1000


def check_every_crash(
    *,
    prepare: Callable[[], Subject],
    act: Callable[[Subject], object],
    state: Callable[[Subject], object],
    resume: Callable[[Subject], object] | None = None,
) -> int:
    """Kills `act` at its first step, then at its second, and so on until it survives;
    each time on a new subject, then resumes and compares `state` with that of an act
    that nobody disturbed. How many deaths there were.

    `resume` is what happens after a restart; None: the act once more. Needs a test with
    `transaction=True`: the child has a connection of its own.
    """
    undisturbed = prepare()
    act(undisturbed)
    expected = state(undisturbed)
    for step in count(1):
        subject = prepare()
        has_died = _dies_at(step, partial(act, subject))
        (resume or act)(subject)
        found = state(subject)
        assert found == expected, f"killed at step {step}: {found} is not {expected}"
        if not has_died:
            return step - 1
        assert step < STEPS_MAX, "the act does not end"
    raise AssertionError


def _dies_at(step: int, act: Callable[[], object]) -> bool:
    """Runs the act in a child process; False: it ended before that step."""
    connections.close_all()  # a socket must not be in two processes
    with warnings.catch_warnings():
        # Threads of the test's servers stay behind; the child needs none of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _live_until(step, act)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    assert status == 0, "the act failed; its traceback is in the captured output"
    return False


def _live_until(step: int, act: Callable[[], object]) -> None:
    """Never returns: nothing of the test may go on in the child."""
    code = 1
    try:
        with _death_at(step):
            act()
        code = 0
    except BaseException:  # noqa: BLE001  the parent is told by the status
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


@contextmanager
def _death_at(step: int) -> Iterator[None]:
    steps = count(1)

    def take_step() -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def execute(call: Callable[..., Any], *arguments: Any) -> Any:
        take_step()
        return call(*arguments)

    server: Any = connection
    commit = server._commit

    def commit_between() -> None:
        take_step()
        commit()
        take_step()

    with (
        patch.object(connection, "_commit", commit_between),
        connection.execute_wrapper(execute),
    ):
        yield
