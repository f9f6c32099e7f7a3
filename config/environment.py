"""What the outside says: environment variables, read once and typed.

Every process of Tokenfab reads this module and nothing else of the environment. A
variable wins; without it the running supervisor's `var/run/services.json` (mode 0600)
answers, so that `python manage.py …` in a second terminal finds the embedded servers.
This module loads no Django: the supervisor and the data plane use it too.
"""

import json
import os
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
_API_URL = "http://127.0.0.1:8001"


def home() -> Path:
    """The one folder that holds all state: TOKENFAB_HOME, or `var/` in the checkout."""
    return Path(os.environ.get("TOKENFAB_HOME") or REPOSITORY / "var").absolute()


def services_file() -> Path:
    return home() / "run" / "services.json"


def _running_services() -> dict[str, str]:
    try:
        return dict(json.loads(services_file().read_text()))
    except (FileNotFoundError, PermissionError, ValueError):
        return {}


def value(name: str, default: str = "") -> str:
    """NAME from the environment, else the contents of the file NAME_FILE, else what
    the running supervisor wrote, else `default`.
    """
    if given := os.environ.get(name):
        return given
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text().strip()
    return _running_services().get(name, default)


def secret(name: str) -> str:
    """The secret NAME; made at first use and kept in `secrets/NAME`, mode 0600.

    Concurrent first uses agree: the file is linked into place, and the first wins.
    """
    if given := value(name):
        return given
    path = home() / "secrets" / name.lower()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


@dataclass(frozen=True, kw_only=True)
class Environment:
    home: Path
    database_url: str
    valkey_url: str
    portal_url: str
    """Where people open the portal, without a trailing slash."""
    api_url: str
    """Base URL of the OpenAI-compatible API, without `/v1`."""
    proxy_url: str
    """The same for the control plane, which has calls of its own to make."""
    engine: str
    """`vllm` or `simulator`: what the supervisor starts when ENGINE_URLS is empty."""
    engine_urls: tuple[str, ...]
    """Engines that somebody else runs; `http://host:port` or `unix:/path`."""
    engine_progress_file: Path
    debug: bool


@cache
def load() -> Environment:
    return Environment(
        home=home(),
        database_url=value("DATABASE_URL"),
        valkey_url=value("VALKEY_URL"),
        portal_url=value("PORTAL_URL", "http://127.0.0.1:8000").rstrip("/"),
        api_url=value("API_URL", _API_URL).rstrip("/"),
        proxy_url=value("PROXY_URL", value("API_URL", _API_URL)).rstrip("/"),
        engine=value("ENGINE", "vllm"),
        engine_urls=tuple(value("ENGINE_URLS").replace(",", " ").split()),
        engine_progress_file=home() / "run" / "engine_progress.json",
        debug=value("DEBUG") == "1",
    )
