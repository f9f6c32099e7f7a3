"""The table of everything that `make up` runs."""

import enum
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from config import compiled
from config.environment import REPOSITORY, secret
from config.supervisor import postgres, valkey
from config.supervisor.command import Command, dies_with_parent, is_root
from config.supervisor.plan import Plan
from config.supervisor.probes import answers_ok

Probe = Callable[[], None]


class Output(enum.Enum):
    """Where a child's lines go. Its last ones are shown whenever it fails for good."""

    SHOWN = enum.auto()
    """On the console and in its log."""
    LOGGED = enum.auto()
    """In its log only."""
    SECRET = enum.auto()
    """Nowhere: it prints a secret for the supervisor."""


@dataclass(frozen=True, kw_only=True)
class Process:
    name: str
    command: Callable[[], Command]
    """Called at every start, because descriptors are handed over once."""
    environment: Mapping[str, str]
    probe: Probe | None = None
    """None: ready once it has stayed alive for a moment; for `is_step`, on exit 0."""
    needs: tuple[str, ...] = ()
    """These must be ready before each start of this one."""
    is_step: bool = False
    """Runs to its end once, instead of for ever."""
    is_essential: bool = False
    """Without it Tokenfab does not start at all."""
    output: Output = Output.SHOWN
    ready_seconds_max: float | None = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_stage: int = 2
    stop_seconds_max: float = 3.0


# Stages of the stop, one after the other; inside a stage all at once. The proxies
# drain while everything they need still runs; the databases see everybody off.
PROXIES, SERVICES, STORE, DATABASE = 1, 2, 3, 4


_CONTROL_ONLY = frozenset(
    {
        "DATABASE_URL",
        "DJANGO_SECRET_KEY",
        "EMAIL_URL",
        "WEBHOOK_KEY",
        "RECEIPT_KEY",
        "STRIPE_API_KEY",
        "STRIPE_WEBHOOK_SECRET",
    }
)
"""Settings that neither proxies nor engines are given."""


def table(plan: Plan) -> list[Process]:
    return [
        *_databases(plan),
        *_engine(plan),
        *_steps(plan),
        _web(plan),
        *(_proxy(plan, index) for index in range(plan.proxy_count)),
        _shipper(plan),
        _leases(plan),
        _money(plan),
        _tasks(plan),
    ]


def _databases(plan: Plan) -> list[Process]:
    """A server that somebody else runs is waited for too, by a step that probes it."""
    quiet = {"PATH": "/usr/bin:/bin", **_mark(plan)}
    processes = []
    if plan.postgres:
        processes.append(
            Process(
                name="postgres",
                command=partial(postgres.command, plan.postgres),
                environment=quiet,
                probe=partial(postgres.create_database, plan.database_url),
                is_essential=True,
                output=Output.LOGGED,
                stop_signal=signal.SIGINT,
                stop_stage=DATABASE,
                stop_seconds_max=1.5,
            )
        )
    if plan.valkey:
        processes.append(
            Process(
                name="valkey",
                command=partial(valkey.command, plan.valkey),
                environment=quiet,
                probe=partial(valkey.ping, plan.valkey_url),
                is_essential=True,
                output=Output.LOGGED,
                stop_stage=STORE,
                stop_seconds_max=1.0,
            )
        )
    return processes


def _steps(plan: Plan) -> list[Process]:
    databases = tuple(process.name for process in _databases(plan))
    migrate = _manage(plan, "migrate", "--no-input", needs=databases, is_essential=True)
    register = _manage(plan, "register_default_engine", needs=("migrate",))
    price = _manage(plan, "set_default_price", needs=("register_default_engine",))
    login = _manage(plan, "operator_login", needs=("migrate",), output=Output.SECRET)
    # Anew each time: a file of a package may be newer than its copy and look older.
    static = _manage(
        plan, "collectstatic", "--no-input", "--clear", "--verbosity", "0", needs=()
    )
    return [static, migrate, register, price, login]


def _web(plan: Plan) -> Process:
    return Process(
        name="web",
        command=_python(
            *("-m", "granian", "--interface", "wsgi", "config.wsgi:application"),
            *("--host", "127.0.0.1", "--port", str(plan.portal_port)),
            *("--workers", "1", "--blocking-threads", str(_web_threads())),
            *("--respawn-failed-workers", "--workers-kill-timeout", "2"),
            *("--no-ws", "--log-level", "warning"),
        ),
        environment=plan.child_environment(),
        probe=partial(answers_ok, plan.portal_port, "/healthz"),
        needs=("migrate", "collectstatic"),
        is_essential=True,
    )


def _web_threads() -> int:
    """At most as many as Django's pool has connections: more would queue there."""
    return min(8, 2 * (os.cpu_count() or 1) + 1)


def _proxy(plan: Plan, index: int) -> Process:
    """The data plane gets what it needs and no database password."""
    inherited = plan.child_environment()
    environment = {k: v for k, v in inherited.items() if k not in _CONTROL_ONLY} | {
        "PROXY_HOST": inherited.get("PROXY_HOST", "127.0.0.1"),
        "PROXY_PORT": str(plan.api_port),
        "PROXY_INDEX": str(index),
        "PROXY_PROCESSES": str(plan.proxy_count),
        "CONTROL_URL": f"http://127.0.0.1:{plan.portal_port}",
        "SNAPSHOT_KEY": secret("SNAPSHOT_KEY"),
        "ENGINE_KEY": secret("ENGINE_KEY"),
        "ENGINE_PROGRESS_FILE": str(_progress_file(plan)),
        # Less than the stop of the proxies may take.
        "DRAIN_SECONDS": inherited.get("DRAIN_SECONDS", "3"),
    }
    return Process(
        name=f"proxy-{index}",
        command=_python("-m", "metering.proxy.main", folder=compiled.folder_to_run),
        environment=environment,
        probe=partial(answers_ok, plan.api_port, "/healthz"),
        needs=_if_ours("valkey", plan.valkey),
        stop_stage=PROXIES,
        stop_seconds_max=4.0,
    )


def _shipper(plan: Plan) -> Process:
    return Process(
        name="shipper",
        command=_python("manage.py", "ship_journal"),
        environment=plan.child_environment(),
        needs=("migrate", "web"),
    )


def _leases(plan: Plan) -> Process:
    """Engines that are away are waited for by itself."""
    return Process(
        name="leases",
        command=_python("manage.py", "collect_leases"),
        environment=plan.child_environment(),
        needs=("migrate", "web"),
    )


def _money(plan: Plan) -> Process:
    """No task: Celery needs many seconds to find a Valkey that was started again, and
    until its money is counted a paying tenant is refused.
    """
    return Process(
        name="money",
        command=_python("manage.py", "keep_money_seeded"),
        environment=plan.child_environment(),
        needs=("migrate", "web"),
    )


def _tasks(plan: Plan) -> Process:
    """Worker and beat in one process: half the memory, and there is one of it."""
    environment = plan.child_environment()
    if is_root():
        # Celery warns root of pickled messages; ours are JSON.
        environment["PYTHONWARNINGS"] = "ignore::UserWarning:celery.platforms"
    return Process(
        name="tasks",
        command=_python(
            *("-m", "celery", "-A", "config", "--quiet", "worker", "-B"),
            *("--schedule", str(plan.run / "celery_beat")),
            *("--concurrency", "2", "--without-mingle", "--without-gossip"),
            *("--loglevel", "WARNING"),
        ),
        environment=environment,
        # Without Valkey it would end again and again.
        needs=("web", "set_default_price", *_if_ours("valkey", plan.valkey)),
    )


def _engine(plan: Plan) -> list[Process]:
    """Needs nothing and holds nobody up: installing it may take many minutes."""
    module = {"vllm": "inference.engine", "simulator": "inference.simulator"}
    if plan.engine not in module:
        return []
    withheld = {"VALKEY_URL", *_CONTROL_ONLY}
    inherited = plan.child_environment()
    environment = {k: v for k, v in inherited.items() if k not in withheld} | {
        "ENGINE_KEY": secret("ENGINE_KEY"),
        "ENGINE_PROGRESS_FILE": str(_progress_file(plan)),
    }
    return [
        Process(
            name="engine",
            command=_python("-m", module[plan.engine]),
            environment=environment,
            ready_seconds_max=None,
            stop_stage=SERVICES,
        )
    ]


def _manage(
    plan: Plan,
    *arguments: str,
    needs: tuple[str, ...],
    is_essential: bool = False,
    output: Output = Output.LOGGED,
) -> Process:
    return Process(
        name=arguments[0],
        command=_python("manage.py", *arguments),
        environment=plan.child_environment(),
        needs=needs,
        is_step=True,
        is_essential=is_essential,
        output=output,
        ready_seconds_max=300.0,
    )


def _python(
    *arguments: str, folder: Callable[[], Path] = lambda: REPOSITORY
) -> Callable[[], Command]:
    """`folder` is where it imports from, asked at every start."""
    argv = (*dies_with_parent("TERM"), sys.executable, *arguments)
    return lambda: Command(
        argv=argv, popen={"cwd": str(folder()), "start_new_session": True}
    )


def _progress_file(plan: Plan) -> Path:
    return plan.run / "engine_progress.json"


def _mark(plan: Plan) -> dict[str, str]:
    environment = plan.child_environment()
    return {k: v for k, v in environment.items() if k.startswith("TOKENFAB_")}


def _if_ours(name: str, server: object | None) -> tuple[str, ...]:
    return (name,) if server else ()
