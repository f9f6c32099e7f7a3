"""Two proxy processes against one, and whether they keep a shared limit exactly."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks import cpu_share, load
from benchmarks.control_plane import EVERY_LIMIT, Key, make_key
from benchmarks.load import Scenario
from benchmarks.plane import Plane, Proxy, Target, running_proxy
from benchmarks.processes import Cpus
from tenants.wire import LimitKind, RateLimit, Scope

LIMIT = 1_000
"""Requests per minute; the load offers several times as many within two seconds."""
_SHARE = 0.35
_FIRST_INDEX = 1
_FIRST_LIMITED_KEY_ID = 100
BUSY = Scenario(
    name="busy",
    title="Whole answers, 128 clients",
    connections=128,
    seconds=2.5,
    warm_up_seconds=0.5,
)
LIMITED = Scenario(
    name="limited",
    title="The same with a limit that is reached",
    connections=64,
    seconds=2,
    warm_up_seconds=0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    how: str
    """Where the processes got their CPU time from."""
    one: tuple[float, ...]
    """Requests a second, by repetition."""
    two: tuple[float, ...]
    admitted: tuple[int, ...]
    """Of LIMIT requests, by repetition."""
    issued: int
    """Calls that both and the single one must have recorded."""
    recorded: int
    duplicated: int
    problems: tuple[str, ...]

    @property
    def ratio(self) -> float:
        return median(two / one for one, two in zip(self.one, self.two, strict=True))


def limited_keys(repetitions: int) -> list[Key]:
    """One for each repetition: a window lasts longer than a measurement."""
    least = RateLimit(
        scope=Scope.KEY, kind=LimitKind.REQUESTS_PER_MINUTE, model=None, amount=LIMIT
    )
    others = (
        one for one in EVERY_LIMIT if (one.scope, one.kind) != (least.scope, least.kind)
    )
    limits = (least, *others)
    return [
        make_key(number, tenant_id=number, rate_limits=limits)
        for number in range(_FIRST_LIMITED_KEY_ID, _FIRST_LIMITED_KEY_ID + repetitions)
    ]


def why_unavailable(cpus: Cpus) -> str:
    if cpus.are_enough_for_two or not cpu_share.why_unavailable():
        return ""
    return f"two proxies need four CPUs, or cgroups: {cpu_share.why_unavailable()}"


def measure(plane: Plane, cpus: Cpus, *, key: Key, limited: Sequence[Key]) -> Scaling:
    """As many repetitions as there are limited keys."""
    load.write_bodies(plane.home, (BUSY, LIMITED))
    with _running(plane, cpus) as proxies:
        single, pair = (_target(some, key) for some in (proxies[:1], proxies[1:]))
        rounds = [_round(plane, cpus, single, pair, one) for one in limited]
    events = plane.event_ids(proxies)
    return Scaling(
        how=_how(cpus),
        one=tuple(one.completed / one.seconds for one, _, _ in rounds),
        two=tuple(two.completed / two.seconds for _, two, _ in rounds),
        admitted=tuple(three.completed for _, _, three in rounds),
        issued=sum(
            result.issued - result.refused - result.failed
            for round_ in rounds
            for result in round_
        ),
        recorded=len(events),
        duplicated=len(events) - len(set(events)),
        problems=tuple(_problems(rounds)),
    )


def _how(cpus: Cpus) -> str:
    if cpus.are_enough_for_two:
        return "each process has a CPU of its own"
    return f"each process has {_SHARE:.0%} of one CPU, since there are fewer than four"


@contextlib.contextmanager
def _running(plane: Plane, cpus: Cpus) -> Iterator[list[Proxy]]:
    """One on a port of its own, then two that share one."""
    with contextlib.ExitStack() as stack:

        def start(*, cpu: int, beside: int, port: int | None = None) -> Proxy:
            proxy = running_proxy(
                plane,
                cpu=cpu,
                index=next(indexes),
                port=port,
                environment={"PROXY_PROCESSES": str(beside)},
            )
            return stack.enter_context(proxy)

        indexes = itertools.count(_FIRST_INDEX)
        single = start(cpu=cpus.measured, beside=1)
        first = start(cpu=cpus.measured, beside=2)
        second = start(cpu=cpus.spare, beside=2, port=first.port)
        proxies = [single, first, second]
        if not cpus.are_enough_for_two:
            pids = [proxy.pid for proxy in proxies]
            stack.enter_context(cpu_share.of_one_cpu(_SHARE, pids=pids))
        yield proxies


def _target(proxies: Sequence[Proxy], key: Key) -> Target:
    return Target(
        name=f"{len(proxies)} processes",
        port=proxies[0].port,
        pids=tuple(proxy.pid for proxy in proxies),
        secret=key.secret,
    )


_Round = tuple[load.LoadResult, load.LoadResult, load.LoadResult]


def _round(
    plane: Plane, cpus: Cpus, single: Target, pair: Target, limited: Key
) -> _Round:
    def run(target: Target, scenario: Scenario) -> load.LoadResult:
        return load.run(target, scenario, folder=plane.home, cpu=cpus.load)

    narrow = Target(
        name="limited", port=pair.port, pids=pair.pids, secret=limited.secret
    )
    return run(single, BUSY), run(pair, BUSY), run(narrow, LIMITED)


def _problems(rounds: Sequence[_Round]) -> Iterator[str]:
    for one, two, three in rounds:
        for result in (one, two):
            if problem := result.problem(is_streamed=False):
                yield problem
        if three.completed > LIMIT:
            yield f"{three.completed} calls passed a limit of {LIMIT}"
        if three.failed or three.unfinished or not three.refused:
            yield (
                f"at the limit: {three.failed} failed, {three.unfinished} unfinished, "
                f"{three.refused} refused"
            )
