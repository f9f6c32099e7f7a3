"""What a process must not carry is not even loaded by accident."""

import os
import subprocess
import sys

import pytest

from tests.architecture.sources import APPS, REPOSITORY, module_of, product_files

_DATA_PLANE_SHUNS = {"django", "celery", "psycopg", "redis", "httpx", "allauth"}
PROCESSES = {
    "metering.proxy.main": _DATA_PLANE_SHUNS,
    "inference.simulator.__main__": _DATA_PLANE_SHUNS,
    "inference.engine.__main__": _DATA_PLANE_SHUNS | {"vllm", "torch"},
    # It asks the embedded PostgreSQL whether it is up, so it has a driver.
    "config.supervisor.main": {"django", "celery", "redis", "uvloop", "httptools"},
}
PURE_PACKAGES = {"msgspec", "typing_extensions"}
"""All that a domain or wire module may load besides the standard library. (The second
comes with the first.)"""
PURE_PARTS = {"domain", "wire", "errors"}
PURE_MODULES = sorted(
    module_of(name)
    for name in product_files()
    if "/domain/" in name or name.endswith("/wire.py")
)

# The simulator's entry ends the process at once, for lack of settings.
_CODE = """
import sys
before = set(sys.modules)
try:
    import {module}
except SystemExit:
    pass
print(*(set(sys.modules) - before))
"""


def _loaded_by(module: str) -> set[str]:
    """Names in `sys.modules` that importing `module` alone adds."""
    code = _CODE.format(module=module)
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in {"PATH", "HOME", "LANG"}
    }
    return set(
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            check=True,
            text=True,
        ).stdout.split()
    )


def _packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize("module", PROCESSES)
def test_a_process_loads_nothing_it_shuns(module):
    loaded = _loaded_by(module)
    assert module.rpartition(".")[0] in loaded
    assert len(loaded) > 20
    assert _packages(loaded) & PROCESSES[module] == set()


@pytest.mark.parametrize("module", PURE_MODULES)
def test_domain_and_wire_load_alone(module):
    loaded = _loaded_by(module)
    assert module in loaded
    ours = {name for name in loaded if name.partition(".")[0] in APPS}
    foreign = _packages(loaded - ours) - sys.stdlib_module_names - PURE_PACKAGES
    assert foreign == set()
    impure = {
        name
        for name in ours
        if name.count(".") and not PURE_PARTS & set(name.split("."))
    }
    assert impure == set()


def test_every_app_has_pure_modules():
    apps_seen = {module.partition(".")[0] for module in PURE_MODULES}
    assert apps_seen >= {"tenants", "inference", "metering", "billing"}
