"""Calls that really run at the same time, each on a connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connections

Result = TypeVar("Result")


def in_parallel(*calls: Callable[[], Result]) -> list[Result]:
    """The calls' results, in their order; an exception of a call is raised here."""
    barrier = Barrier(len(calls), timeout=10)

    def run(call: Callable[[], Result]) -> Result:
        try:
            barrier.wait()
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(run, call) for call in calls]
        return [future.result(timeout=60) for future in futures]
