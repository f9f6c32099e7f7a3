"""What comes from others is what was reviewed, and no page asks another host."""

import hashlib
import json
import re

import pytest

from tests.architecture.sources import REPOSITORY, VENDORED, tracked_files

# A namespace is a name, not an address that is asked.
NAMESPACES = ("http://www.w3.org/",)
_ASKS = re.compile(
    r"""(?:\bsrc|\bhref|\baction|\bposter|\bdata|\bhx-get|\bhx-post)\s*=\s*["'](?:https?:)?//"""
    r"""|url\(\s*["']?(?:https?:)?//|@import\s"""
    r"""|(?:fetch|import|importScripts|Worker|EventSource|WebSocket)\s*\(\s*["'](?:https?:|wss?:)?//"""
)
_ADDRESS = re.compile(r"(?:https?:)//[^\s\"'<>)\\`]+")


def _pages_and_assets() -> list[str]:
    return [
        name
        for name in tracked_files()
        if name.startswith(("frontend/templates/", "frontend/static/"))
        and name.endswith((".html", ".css", ".js", ".svg"))
    ]


@pytest.fixture(params=VENDORED)
def vendor(request):
    return REPOSITORY / request.param


def test_every_file_is_the_one_that_was_reviewed(vendor):
    listed = {
        path: digest
        for one in json.loads((vendor / "vendor.json").read_text())
        for path, digest in one["files"].items()
    }
    present = {
        str(path.relative_to(vendor)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.rglob("*")
        if path.is_file() and path.name != "vendor.json"
    }
    assert present == listed
    assert listed


def test_every_package_says_its_licence(vendor):
    for one in json.loads((vendor / "vendor.json").read_text()):
        assert one["version"]
        assert one["licence"]
        assert any(path.endswith("LICENSE") for path in one["files"]), one["name"]


def test_no_file_asks_another_host():
    asking = [
        f"{name}: {found.group()}"
        for name in _pages_and_assets()
        for found in _ASKS.finditer((REPOSITORY / name).read_text())
    ]
    assert asking == []
    assert len(_pages_and_assets()) > 30


def test_our_own_pages_name_no_other_host_at_all():
    named = [
        f"{name}: {address}"
        for name in _pages_and_assets()
        if "/vendor/" not in name
        for address in _ADDRESS.findall((REPOSITORY / name).read_text())
        if not address.startswith(NAMESPACES)
    ]
    assert named == []
