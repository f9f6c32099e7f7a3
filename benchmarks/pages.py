"""How long the pages of a tenant with ten million calls and 5,000 keys take:
`python -m benchmarks.pages`.

Each page of `tests/frontend/test_pages.py` and `test_query_counts.py`, by the WSGI
application as granian calls it: all middleware, the session, the second wall, the
templates, compressed. With `--keep FOLDER` the data is made once and used again;
`--only TEXT` measures the addresses with that text in them, `--profile` says where the
time of each goes.
"""

import argparse
import cProfile
import json
import os
import pstats
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, inf
from pathlib import Path
from statistics import median
from string import Formatter
from typing import Any
from wsgiref.util import setup_testing_defaults

import django

from benchmarks.invoices import running_valkey
from benchmarks.shipper import running_postgres

EVENTS = 10_000_000
_VISITS = 30
_SECONDS_OF_PAGE = 4
_MS_MAX = 100
_MS_MAX_OF_EXPLORER = 200
_PLACES = "places.json"
_FILES = ("/pdf/", "/csv/", "/json/", ".csv")


@dataclass(frozen=True, kw_only=True)
class Figure:
    address: str
    queries: int
    p50_ms: float
    p95_ms: float
    p95_cpu_ms: float
    """Of this process and PostgreSQL's for it: what it takes on a machine at rest."""
    kilobytes: float

    @property
    def most_ms(self) -> float:
        is_explorer = self.address.startswith("/usage/") and "/c" not in self.address
        if self.address.endswith("/check/"):
            return inf  # it adds up all calls of a line, once more
        return _MS_MAX_OF_EXPLORER if is_explorer else _MS_MAX

    @property
    def is_met(self) -> bool:
        return self.p95_cpu_ms <= self.most_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--visits", type=int, default=_VISITS)
    parser.add_argument("--keep", type=Path, help="where the data stays")
    parser.add_argument("--only", default="", help="a part of the addresses")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with _home(options.keep) as home, _running(home):
        places_file = home / _PLACES
        if not places_file.exists():
            from benchmarks.pages_data import build  # noqa: PLC0415

            places_file.write_text(json.dumps(build(options.events)))
        places = json.loads(places_file.read_text())
        # The tests first: what they bring is frozen with the application.
        wanted = [one for one in _addresses() if options.only in one[0]]
        visitor = _Visitor(places)
        if unknown := [path for path, _ in wanted if not visitor.knows(path)]:
            print("made before there was a row for", *unknown, file=sys.stderr)
            wanted = [one for one in wanted if one[0] not in unknown]
        if options.profile:
            for pattern, who in wanted:
                visitor.profile(pattern, who)
            return
        figures = [visitor.measure(*one, visits=options.visits) for one in wanted]
    print(*_table(figures), sep="\n")
    if not all(figure.is_met for figure in figures):
        sys.exit("Some of them take longer.")


@contextmanager
def _home(keep: Path | None) -> Iterator[Path]:
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="tokenfab-bench-") as folder:
        yield Path(folder)


@contextmanager
def _running(home: Path) -> Iterator[None]:
    """PostgreSQL and Valkey of our own, and Django as it is installed."""
    os.environ["TOKENFAB_HOME"] = str(home)
    (home / "static").mkdir(exist_ok=True)
    with running_postgres(home) as url, running_valkey(home) as valkey_url:
        os.environ |= {
            "DATABASE_URL": url,
            "VALKEY_URL": valkey_url,
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        django.setup()
        from django.core.management import call_command  # noqa: PLC0415
        from django.db import connection  # noqa: PLC0415

        call_command("migrate", verbosity=0)
        yield

        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's


def _addresses() -> list[tuple[str, str]]:
    """Patterns of all pages, and as whom to look; files have no bound."""
    from tests.frontend.people import NAMES  # noqa: PLC0415
    from tests.frontend.test_pages import PAGES  # noqa: PLC0415
    from tests.frontend.test_query_counts import PATHS  # noqa: PLC0415

    found = {}
    for address, answers in PAGES.items():
        who = "staff" if address.startswith("/operator/") else "owner"
        is_superusers = who == "staff" and answers[NAMES.index(who)] == 403
        if answers[NAMES.index(who)] == 200 or is_superusers:
            found[address] = who
    found |= {
        path.replace("{draft}", "{invoice}"): who
        for who, paths in PATHS.items()
        for path in paths
    }
    pages = ((path, who) for path, who in found.items() if not _is_file(path))
    return sorted(pages)


def _is_file(address: str) -> bool:
    return address.partition("?")[0].endswith(_FILES)


class _Visitor:
    def __init__(self, places: dict[str, str]) -> None:
        from config.wsgi import application  # noqa: PLC0415
        from tenants.models import User  # noqa: PLC0415
        from tests.frontend.people import client_of  # noqa: PLC0415

        self._places = places
        self._backend = 0
        self._application = application
        self._sessions = {
            who: client_of(User.objects.get(pk=places[f"user_{who}"])).cookies[
                "sessionid"
            ]
            for who in ("owner", "staff")
        }

    def knows(self, pattern: str) -> bool:
        """Whether the data has what stands in such an address."""
        names = {name for _, name, _, _ in Formatter().parse(pattern) if name}
        return names <= self._places.keys()

    def measure(self, pattern: str, who: str, *, visits: int) -> Figure:
        from django.db import connection  # noqa: PLC0415

        queries = 0

        def count(execute: Any, *arguments: Any) -> Any:
            nonlocal queries
            queries += 1
            self._backend = arguments[-1]["connection"].connection.info.backend_pid
            return execute(*arguments)

        self._get(pattern, who)
        with connection.execute_wrapper(count):
            _, size = self._get(pattern, who)
        taken: list[float] = []
        cpu: list[float] = []
        while len(taken) < visits and sum(taken) < _SECONDS_OF_PAGE:
            before = self._cpu_seconds()
            taken.append(self._get(pattern, who)[0])
            cpu.append(self._cpu_seconds() - before)
        figure = Figure(
            address=pattern,
            queries=queries,
            p50_ms=median(taken) * 1000,
            p95_ms=_p95(taken) * 1000,
            p95_cpu_ms=_p95(cpu) * 1000,
            kilobytes=size / 1000,
        )
        print(_row(figure), file=sys.stderr, flush=True)
        return figure

    def _cpu_seconds(self) -> float:
        """Used by this thread, and by the one PostgreSQL process that answers it."""
        run_ns = Path(f"/proc/{self._backend}/schedstat").read_text().split()[0]
        return time.thread_time() + int(run_ns) / 1e9

    def profile(self, pattern: str, who: str) -> None:
        self._get(pattern, who)
        profile = cProfile.Profile()
        profile.runcall(self._get, pattern, who)
        print(pattern)
        pstats.Stats(profile).sort_stats("cumulative").print_stats(60)

    def _get(self, pattern: str, who: str) -> tuple[float, int]:
        """Seconds and bytes of one answer."""
        path, _, query = pattern.format(**self._places).partition("?")
        environ: dict[str, Any] = {
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "HTTP_COOKIE": f"sessionid={self._sessions[who].value}",
            "HTTP_ACCEPT_ENCODING": "gzip",
            "REMOTE_ADDR": "127.0.0.1",
        }
        setup_testing_defaults(environ)
        statuses: list[str] = []

        def note(status: str, *_: Any) -> Any:
            statuses.append(status)

        began = time.perf_counter()
        answer = self._application(environ, note)
        size = sum(map(len, answer))
        answer.close()
        seconds = time.perf_counter() - began
        if statuses != ["200 OK"]:
            raise SystemExit(f"Do not believe these figures: {path} says {statuses}")
        return seconds, size


def _p95(seconds: list[float]) -> float:
    return sorted(seconds)[ceil(len(seconds) * 0.95) - 1]


def _table(figures: list[Figure]) -> Iterator[str]:
    yield "| page | queries | kB | p50 ms | p95 ms | p95 CPU ms | target | met |"
    yield "|---|---:|---:|---:|---:|---:|---:|---|"
    yield from map(_row, figures)


def _row(figure: Figure) -> str:
    met = "yes" if figure.is_met else "**no**"
    return (
        f"| `{figure.address}` | {figure.queries} | {figure.kilobytes:.0f} |"
        f" {figure.p50_ms:.0f} | {figure.p95_ms:.0f} | {figure.p95_cpu_ms:.0f} |"
        f" {figure.most_ms:.0f} | {met} |"
    )


if __name__ == "__main__":
    main()
