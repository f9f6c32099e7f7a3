"""Nothing of one machine, one network or one run is in the repository."""

import re

from tests.architecture.sources import REPOSITORY, text_of, tracked_files

# Put together here, so that this file does not find itself.
_HOSTS = [
    "pypi" + ".org",
    "pythonhost" + "ed.org",
    "npmjs" + ".org",
    "npmjs" + ".com",
    "unpkg" + ".com",
    "jsdelivr" + ".net",
    "download.pytorch" + ".org",
    "registry" + ".",
]
_REGISTRY = re.compile("|".join(re.escape(host) for host in _HOSTS))
_MACHINE_PATH = re.compile(r"""(?<![\w.$~{}/-])/(?:home|Users|work|root|mnt|opt)/\w""")
_SECRET = re.compile(
    r"tf_live_[0-9A-Za-z]{36}|-----BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}"
)
GENERATED = ("var/", ".venv", "test-output/", "build/", "dist/")
TEXT = (
    ".py", ".md", ".toml", ".txt", ".in", ".yml", ".yaml", ".json", ".html", ".css",
    ".js", ".lua", ".svg", ".sh", ".cfg", ".ini",
)  # fmt: skip
# Path -> what of it is meant.
ALLOWED_PATHS: dict[str, str] = {}


def _texts() -> list[str]:
    return [
        name
        for name in tracked_files()
        if (name.endswith(TEXT) or "." not in name.rpartition("/")[2])
        and "/vendor/" not in name
    ]


def _lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name in _texts()
        for number, line in enumerate(text_of(name).splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_package_registry_is_named():
    assert _lines_with(_REGISTRY) == []
    assert len(_texts()) > 300


def test_no_path_of_one_machine_is_named():
    found = [
        line
        for line in _lines_with(_MACHINE_PATH)
        if line.partition(":")[0] not in ALLOWED_PATHS
    ]
    assert found == []


def test_no_secret_is_kept():
    assert _lines_with(_SECRET) == []


def test_nothing_generated_is_tracked():
    assert [name for name in tracked_files() if name.startswith(GENERATED)] == []


def test_no_file_is_large():
    large = [
        name
        for name in tracked_files()
        if (REPOSITORY / name).stat().st_size > 1_000_000
    ]
    assert large == []


def test_every_init_is_empty():
    """An import of a package must cost nothing and mean nothing."""
    full = [
        name
        for name in tracked_files()
        if name.endswith("__init__.py") and text_of(name).strip()
    ]
    assert full == []


def test_no_file_is_a_drawer_for_anything():
    names = {"utils.py", "helpers.py", "common.py", "manager.py", "base.py", "misc.py"}
    drawers = [name for name in tracked_files() if name.rpartition("/")[2] in names]
    assert drawers == []
