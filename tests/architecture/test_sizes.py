"""Nothing short grows long unseen. A listed item may shrink; to let one grow, or
to add one, is to edit this list with a reason, in view of a reviewer.
"""

from tests.architecture.sources import (
    functions_of,
    is_vendored,
    python_files,
    text_of,
    tracked_files,
)

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 400
SOURCES = (".py", ".js", ".css", ".lua", ".html", ".sh")

LONG_FUNCTIONS: dict[str, tuple[int, str]] = {}
"""`path:name` -> (lines, why)."""
LONG_FILES: dict[str, tuple[int, str]] = {
    "tests/metering/proxy/conftest.py": (410, "all that a test says to a proxy"),
}
"""Path -> (lines, why)."""


def _file_sizes() -> dict[str, int]:
    return {
        name: len(text_of(name).splitlines())
        for name in tracked_files()
        if name.endswith(SOURCES)
        and "/migrations/" not in name
        and not is_vendored(name)
    }


def _function_sizes() -> dict[str, int]:
    return {
        f"{name}:{function.name}": (function.end_lineno or 0) - function.lineno + 1
        for name in python_files()
        for function in functions_of(name)
    }


def _check(
    sizes: dict[str, int], listed: dict[str, tuple[int, str]], lines_max: int
) -> None:
    grown = {
        name: size
        for name, size in sizes.items()
        if size > listed.get(name, (lines_max, ""))[0]
    }
    assert grown == {}
    short = {name for name in listed if sizes.get(name, 0) <= lines_max}
    assert short == set(), "no longer long: remove the entry"


def test_no_file_grows_long_unseen():
    _check(_file_sizes(), LONG_FILES, FILE_LINES_MAX)
    assert len(_file_sizes()) > 200


def test_no_function_grows_long_unseen():
    _check(_function_sizes(), LONG_FUNCTIONS, FUNCTION_LINES_MAX)
    assert len(_function_sizes()) > 1000
