"""What the pages load is ours, or listed, and never on another host."""

import hashlib
import json
import re

import pytest

from config.environment import REPOSITORY

STATIC = REPOSITORY / "frontend" / "static"
VENDOR = STATIC / "vendor"
TEMPLATES = REPOSITORY / "frontend" / "templates"
LISTING = json.loads((VENDOR / "vendor.json").read_text())
HASHES = {
    name: digest for package in LISTING for name, digest in package["files"].items()
}
# An address in a comment or a name space loads nothing.
LOADS = re.compile(
    r"""(?:src|href|action|url|@import|import|fetch)\s*[=(]?\s*["'(]?\s*"""
    r"""((?:https?:)?//[^\s"')]+)""",
    re.IGNORECASE,
)
# `one=` is a name that a template gives, and no event.
INLINE = re.compile(
    r"<style|\sstyle=|\son(?!e=)\w+=|javascript:|hx-on|<script(?![^>]*src=)"
)
OURS = [
    path
    for path in (*TEMPLATES.rglob("*.html"), *(STATIC / "frontend").iterdir())
    if path.is_file()
]


@pytest.mark.parametrize("name", sorted(HASHES))
def test_vendored_files_are_what_the_list_says(name):
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == HASHES[name]


def test_every_vendored_file_is_listed_with_a_version_and_licence():
    found = {
        str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.is_file()
    }
    assert found - {"vendor.json"} == set(HASHES)
    assert all(package["version"] and package["licence"] for package in LISTING)


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_nothing_of_ours_loads_from_another_host(path):
    assert LOADS.findall(path.read_text()) == []


def test_vendored_styles_load_nothing_from_another_host():
    for path in VENDOR.rglob("*.css"):
        loads = re.findall(r"(?:url\(|@import)\s*[\"']?(https?:|//)", path.read_text())
        assert loads == [], path


@pytest.mark.parametrize(
    "path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name
)
def test_templates_hold_no_inline_script_or_style(path):
    assert INLINE.findall(path.read_text()) == []


SIDES = re.compile(
    r"(?:margin|padding|border)-(?:left|right)|text-align: (?:left|right)"
    r"|(?<![-\w])(?:left|right):"
)
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b")


@pytest.mark.parametrize("name", ["portal.css", "phone.css", "api.css"])
def test_styles_name_no_side_and_no_colour_of_their_own(name):
    """What prints on paper is black on white, in every scheme."""
    styles = (STATIC / "frontend" / name).read_text()
    assert SIDES.findall(styles) == []
    assert set(COLOUR.findall(styles)) <= {"#000", "#fff"}


def test_every_icon_that_a_page_names_is_in_the_sprite():
    sprite = (VENDOR / "icons/tabler-icons.svg").read_text()
    icons = set(re.findall(r'symbol id="([\w-]+)"', sprite))
    pages = "".join(path.read_text() for path in TEMPLATES.rglob("*.html"))
    named = set(re.findall(r'{% icon "([\w-]+)"', pages))
    named |= set(re.findall(r'{% menu_item "\w+" _\("[^"]+"\) "([\w-]+)"', pages))
    named |= set(re.findall(r'{% menu_group _\("[^"]+"\) "([\w-]+)"', pages))
    assert named <= icons
