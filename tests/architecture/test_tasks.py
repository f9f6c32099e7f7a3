"""A task is a wake-up: it calls services, and nobody names it by a string but beat."""

import ast

from config.celery import app
from tests.architecture.sources import functions_of, product_files, tree_of

_BY_NAME = {"send_task", "signature"}


def _task_files() -> list[str]:
    return [name for name in product_files() if name.endswith("/tasks.py")]


def _is_task(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("shared_task" in ast.unparse(one) for one in function.decorator_list)


def _tasks() -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    return [
        (name, function)
        for name in _task_files()
        for function in functions_of(name)
        if _is_task(function)
    ]


def _names_from_services(name: str) -> set[str]:
    """What a file imported from a `services` package, as it calls it."""
    return {
        alias.asname or alias.name
        for node in tree_of(name).body
        if isinstance(node, ast.ImportFrom) and ".services" in (node.module or "")
        for alias in node.names
    }


def _calls_a_service(statement: ast.stmt, services: set[str]) -> bool:
    if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
        return False
    return ast.unparse(statement.value.func).partition(".")[0] in services


def test_a_task_only_calls_services():
    other = [
        f"{name}: {function.name}: {ast.unparse(statement)}"
        for name, function in _tasks()
        for statement in function.body[ast.get_docstring(function) is not None :]
        if not _calls_a_service(statement, _names_from_services(name))
    ]
    assert other == []
    assert len(_tasks()) >= 5


def test_no_task_is_called_by_its_name():
    by_name = [
        f"{name}:{node.lineno}"
        for name in product_files()
        for node in ast.walk(tree_of(name))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in _BY_NAME
        and "inspect" not in ast.unparse(node.func)
    ]
    assert by_name == []


def test_beat_wakes_every_task_and_none_that_is_not_there():
    app.loader.import_default_modules()
    ours = {name for name in app.tasks if not name.startswith("celery.")}
    woken = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert woken == ours
    assert len(ours) == len(_tasks())


def test_no_wake_up_outlives_its_use():
    """A worker that was away must not wake to a backlog."""
    lasting = [
        name
        for name, entry in app.conf.beat_schedule.items()
        if not entry.get("options", {}).get("expires")
    ]
    assert lasting == []
