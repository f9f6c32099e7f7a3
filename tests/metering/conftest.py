import pytest

from tests.metering.journal import Journal


@pytest.fixture
def root(tmp_path):
    """The root of a journal of no proxies yet."""
    root = tmp_path / "journal"
    root.mkdir()
    return root


@pytest.fixture
def journal(root):
    """The journal of a running proxy 0."""
    journal = Journal(root / "0")
    yield journal
    journal.close()
