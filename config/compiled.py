"""The proxy in machine code: the same sources, compiled by mypyc.

`make compile` copies what the proxy imports and compiles the copy; nothing appears
beside the sources. `make up` runs the copy for as long as the sources are those that it
was made of, and the sources themselves otherwise.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from config.environment import REPOSITORY

FOLDER = REPOSITORY / "var" / "compiled"
_PACKAGES = ("metering", "inference", "tenants")
_DIGEST = "sources.sha256"
_INTERPRETED = {
    "main.py",  # `python -m` runs source only
    # msgspec decodes by annotations, and a compiled class keeps no exact ones.
    "cached_prompt_field.py",
    "conversations.py",
    "endpoint.py",
    "engine_errors.py",
    "kept_answers.py",
    "lease_fields.py",
    "prompts.py",
    "retention_hints.py",
    "stored_responses.py",
    "usage.py",
    *("completions.py", "messages.py", "others.py", "responses.py"),
}
_BESIDES = ("metering/domain/journal_format.py", "metering/domain/limits.py")
"""Of what every call needs, what is not the proxy's own."""
_SETUP = """
import sys
from mypyc.build import mypycify
from setuptools import setup
options = ["--config-file=", "--explicit-package-bases", "--namespace-packages",
           "--ignore-missing-imports", "--follow-imports=silent"]
modules = mypycify([*options, *sys.argv[1:]], opt_level="3", debug_level="0")
setup(name="proxy", packages=[], ext_modules=modules,
      script_args=["-q", "build_ext", "--inplace"])
"""


def folder_to_run() -> Path:
    """Where `python -m metering.proxy.main` is best run."""
    try:
        is_fresh = (FOLDER / _DIGEST).read_text() == _digest(REPOSITORY)
    except OSError:
        is_fresh = False
    return FOLDER if is_fresh else REPOSITORY


def compile_proxy(folder: Path) -> None:
    """Raises CalledProcessError when it cannot be compiled, and leaves `folder`."""
    draft = folder.with_name(f"{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    for name in _sources(REPOSITORY):
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / name, draft / name)
    digest = _digest(draft)
    subprocess.run(
        [sys.executable, "-c", _SETUP, *_compiled_modules(draft)],
        cwd=draft,
        check=True,
        env={**os.environ, "MYPYPATH": str(draft)},
    )
    shutil.rmtree(draft / "build")
    (draft / _DIGEST).write_text(digest)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def _compiled_modules(folder: Path) -> list[str]:
    own = (folder / "metering" / "proxy").rglob("*.py")
    skipped = {"__init__.py", *_INTERPRETED}
    chosen = [path for path in own if path.name not in skipped]
    return [*sorted(str(path.relative_to(folder)) for path in chosen), *_BESIDES]


def _sources(root: Path) -> list[str]:
    """Modules and scripts of the packages, without what only Django runs."""
    skipped = {"__pycache__", "migrations", "management", "vllm_plugin"}
    return sorted(
        str(path.relative_to(root))
        for package in _PACKAGES
        for pattern in ("*.py", "*.lua")
        for path in (root / package).rglob(pattern)
        if not skipped & set(path.relative_to(root).parts)
    )


def _digest(root: Path) -> str:
    """Of the sources, and of what compiled them for which Python."""
    digest = hashlib.sha256(str(sysconfig.get_config_var("SOABI")).encode())
    digest.update(Path(__file__).read_bytes())
    for name in _sources(root):
        digest.update(name.encode() + b"\0" + (root / name).read_bytes())
    return digest.hexdigest()


def main(arguments: list[str]) -> int:
    """The exit status: 0 also where there is nothing to compile with."""
    folder = Path(arguments[0]).resolve() if arguments else FOLDER
    if folder == folder_to_run():
        return 0
    if not shutil.which("cc"):
        _say("The proxy stays interpreted: there is no C compiler (cc).")
        return len(arguments)  # who names a folder counts on it
    _say("Compiling the proxy; this takes about a minute.")
    began = time.monotonic()
    try:
        compile_proxy(folder)
    except subprocess.CalledProcessError:
        _say("The proxy could not be compiled; it stays interpreted.")
        return 1
    _say(f"Compiled in {time.monotonic() - began:.0f} s.")
    return 0


def _say(sentence: str) -> None:
    print(sentence, flush=True)  # noqa: T201  it is a command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
