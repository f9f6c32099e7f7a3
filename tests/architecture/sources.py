"""The repository as its tests of form see it: every file that git would carry."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from django.apps import apps
from django.db import models

REPOSITORY = Path(__file__).resolve().parents[2]
APPS = ("tenants", "inference", "metering", "billing", "frontend", "config")
"""From the lowest layer to the highest; each may know those before it."""
VENDORED = ("frontend/static/vendor", "tests/frontend/browser/vendor")
"""Folders of what others wrote: what pages load, and what their tests run."""


@cache
def tracked_files() -> tuple[str, ...]:
    """Paths from the root; a file that is new and not ignored is among them."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    output = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, check=True, text=True
    ).stdout
    names = sorted({name for name in output.split("\0") if name})
    return tuple(name for name in names if (REPOSITORY / name).is_file())


def text_of(name: str) -> str:
    return (REPOSITORY / name).read_text()


def is_vendored(name: str) -> bool:
    return name.startswith(tuple(f"{folder}/" for folder in VENDORED))


def python_files() -> list[str]:
    """Those of the product, its tests and its benchmarks; generated ones left out."""
    return [
        name
        for name in tracked_files()
        if name.endswith(".py") and "/migrations/" not in name
    ]


def product_files() -> list[str]:
    return [name for name in python_files() if name.partition("/")[0] in APPS]


@cache
def tree_of(name: str) -> ast.Module:
    return ast.parse(text_of(name), filename=name)


def module_of(name: str) -> str:
    """`tenants/domain/names.py` -> `tenants.domain.names`."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def functions_of(
    name: str,
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported_modules(name: str) -> Iterator[str]:
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def app_of(model: type[models.Model]) -> str:
    """Name of the package that has the model: `tenants`, or a framework's."""
    return model.__module__.partition(".")[0]


def our_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if app_of(model) in APPS]
