"""Everything installed is pinned, hashed and found by name alone."""

import re

import pytest

from tests.architecture.sources import text_of, tracked_files

LOCKS = {"base": 20, "compile": 5, "dev": 20, "engine-cpu": 20, "engine-cuda": 20}
"""Name -> fewer packages than this cannot be."""
FOREIGN_LOCKS = ("uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock")


def _packages(name: str) -> list[str]:
    """Each pinned package of a lock with its options, on one line."""
    joined = text_of(f"requirements/{name}.txt").replace("\\\n", " ")
    return [
        line
        for line in joined.splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_and_hashed(name):
    loose = [
        line
        for line in _packages(name)
        if not re.match(r"[\w.\[\],-]+==[\w.+!]+ ", line)
        or "--hash=sha256:" not in line
    ]
    assert loose == []
    assert len(_packages(name)) >= LOCKS[name]


def test_no_list_names_an_address():
    named = [
        f"{name}: {line}"
        for name in tracked_files()
        if name.startswith("requirements/")
        for line in text_of(name).splitlines()
        if "://" in line or "--index-url" in line or "--extra-index" in line
    ]
    assert named == []


def test_every_lock_has_its_list():
    assert LOCKS.keys() == {
        name.removeprefix("requirements/").removesuffix(".txt")
        for name in tracked_files()
        if name.startswith("requirements/")
        and name.endswith(".txt")
        and "excludes" not in name
    }
    for name in LOCKS:
        assert text_of(f"requirements/{name}.in")


def test_everything_listed_is_locked():
    locked = {line.partition("==")[0].partition("[")[0] for line in _packages("base")}
    listed = {
        re.split(r"[^\w.-]", line)[0].lower()
        for line in text_of("requirements/base.in").splitlines()
        if line and not line.startswith(("#", "-"))
    }
    assert listed - locked == set()


def test_no_other_tool_keeps_a_lock():
    foreign = [
        name
        for name in tracked_files()
        if name.rpartition("/")[2] in FOREIGN_LOCKS
        or re.fullmatch(r"(.*/)?pylock\..*toml", name)
    ]
    assert foreign == []
