"""What the environment tells the launcher, read once."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inference.engine.failure import EngineError

REPOSITORY = Path(__file__).resolve().parent.parent.parent
DEFAULT_MODEL = "smollm2-135m-instruct"
# sun_path of a unix socket address holds 108 bytes, with the closing zero.
SOCKET_PATH_BYTES_MAX = 107


@dataclass(frozen=True, kw_only=True)
class Settings:
    home: Path
    """The state folder."""
    models: Path
    """Converted models and measured times; ENGINE_MODELS to share them."""
    venv: Path
    """Environment of the engine alone; shared by all state folders of a checkout."""
    python: str
    """ENGINE_PYTHON: interpreter to make `venv` with; empty: one that fits is found."""
    socket: Path
    progress_file: Path
    key: str
    """Bearer key that the engine asks for below `/v1`."""
    model: str
    """Path or hub name; empty: the default model, unpacked and converted here."""
    served_model_name: str
    context_tokens: int
    engine_id: str
    """By which lease terms name this engine."""
    lease_tenant_percent: int
    """What one tenant may hold of all that leases may hold."""
    lease_host_mib: int
    """Host memory for leased KV below HBM; 0: none."""
    lease_disk_mib: int
    """Disk for leased KV below host memory; 0: none."""
    lease_disk_folder: Path
    """Where that is; files there have no names."""
    arguments: tuple[str, ...]
    """Further arguments of `vllm serve`; the last of two equal flags wins."""

    @property
    def work_folder(self) -> Path:
        """Working folder of the engine's processes, by which they are known again."""
        return self.socket.with_name(f"{self.socket.name}.work")

    @property
    def log_folder(self) -> Path:
        return self.home / "log"


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises EngineError for a configuration that cannot work."""
    get = environment.get
    home = Path(get("TOKENFAB_HOME") or REPOSITORY / "var").absolute()
    run = home / "run"
    model = _model(get("MODEL", ""))
    socket = Path(get("ENGINE_SOCKET") or run / "engine.sock").absolute()
    settings = Settings(
        home=home,
        models=Path(get("ENGINE_MODELS") or home / "models").absolute(),
        venv=Path(get("ENGINE_VENV") or REPOSITORY / ".venv-engine").absolute(),
        python=get("ENGINE_PYTHON", ""),
        socket=socket,
        progress_file=Path(
            get("ENGINE_PROGRESS_FILE") or run / "engine_progress.json"
        ).absolute(),
        key=_key(environment),
        model=model,
        served_model_name=get("SERVED_MODEL_NAME") or _public_name(model),
        context_tokens=_whole_number(environment, "ENGINE_CONTEXT_TOKENS", 4096),
        engine_id=get("ENGINE_ID") or f"unix:{socket}",
        lease_tenant_percent=_percent(environment, "LEASE_TENANT_PERCENT", 50),
        lease_host_mib=_whole_number(environment, "LEASE_HOST_MIB", 0, least=0),
        lease_disk_mib=_whole_number(environment, "LEASE_DISK_MIB", 0, least=0),
        lease_disk_folder=Path(get("LEASE_DISK_FOLDER") or home / "kv").absolute(),
        arguments=tuple(shlex.split(get("ENGINE_ARGUMENTS", ""))),
    )
    if len(os.fsencode(settings.socket)) > SOCKET_PATH_BYTES_MAX:
        raise EngineError(
            f"The path of the engine's socket is longer than {SOCKET_PATH_BYTES_MAX} "
            f"bytes: {settings.socket}; give a shorter ENGINE_SOCKET."
        )
    return settings


def _model(given: str) -> str:
    """A path is made absolute, since the engine has a working folder of its own."""
    if Path(given or "-").exists():
        return str(Path(given).absolute())
    if given.startswith(("/", ".")):
        raise EngineError(f"MODEL={given}: there is no such folder.")
    return given


def _public_name(model: str) -> str:
    return model.rstrip("/").rpartition("/")[2].lower() or DEFAULT_MODEL


def _key(environment: Mapping[str, str]) -> str:
    if path := environment.get("ENGINE_KEY_FILE"):
        return Path(path).read_text().strip()
    return environment.get("ENGINE_KEY", "")


def _whole_number(
    environment: Mapping[str, str], name: str, default: int, *, least: int = 1
) -> int:
    given = environment.get(name) or str(default)
    if not given.isdecimal() or int(given) < least:
        raise EngineError(f"{name}={given} is not a whole number from {least} on.")
    return int(given)


def _percent(environment: Mapping[str, str], name: str, default: int) -> int:
    percent = _whole_number(environment, name, default)
    if percent > 100:  # noqa: PLR2004 - of a hundred
        raise EngineError(f"{name}={percent} is more than 100 per cent.")
    return percent
