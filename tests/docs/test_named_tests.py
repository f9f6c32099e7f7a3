"""A document that names a test names one that is there."""

import re

import pytest

from tests.architecture.sources import REPOSITORY, text_of
from tests.docs.documents import documents

_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")


@pytest.mark.parametrize("name", documents())
def test_every_named_test_is_there(name):
    missing = [
        f"{path}::{test}"
        for path, test in _TEST.findall(text_of(name))
        if not (REPOSITORY / path).exists() or f"def {test}" not in text_of(path)
    ]
    assert missing == []


def test_there_are_some():
    assert len(_TEST.findall(text_of("tests/README.md"))) > 30
