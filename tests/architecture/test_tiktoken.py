"""No encoding is fetched: each is made from the served model's own file."""

import ast
import re
from pathlib import Path

from tests.architecture.sources import text_of, tracked_files

FETCHING = {
    "get_encoding", "encoding_for_model", "encoding_name_for_model",
    "load_tiktoken_bpe", "data_gym_to_mergeable_bpe_ranks", "read_file_cached",
}  # fmt: skip


def _names(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.name.rpartition(".")[2]


def fetching_names(source):
    return sorted(FETCHING & set(_names(source)))


def test_nothing_fetches_an_encoding():
    found = {
        name: names
        for name in tracked_files()
        if name.endswith(".py") and Path(name).exists()
        if "tiktoken" in text_of(name) and (names := fetching_names(text_of(name)))
    }
    assert found == {}


def test_a_call_would_be_found():
    assert fetching_names("import tiktoken\ntiktoken.get_encoding('x')")
    assert fetching_names("from tiktoken import encoding_for_model as f")


def test_only_one_module_makes_encodings():
    users = {
        name
        for name in tracked_files()
        if name.endswith(".py") and not name.startswith("tests/")
        if re.search(r"^\s*(import|from) tiktoken\b", text_of(name), re.MULTILINE)
    }
    assert users == {"inference/encoding.py"}
