"""RESULTS.md keeps what was written by hand around what a run writes."""

import pytest

from benchmarks import report


@pytest.fixture
def results(tmp_path, monkeypatch):
    path = tmp_path / "RESULTS.md"
    monkeypatch.setattr(report, "RESULTS", path)
    return path


def test_it_works(results):
    results.write_text("# Results\n\nBefore.\n")
    report.keep("bench", "first")
    results.write_text(results.read_text() + "\nBehind.\n")
    report.keep("bench", "second")
    report.keep("soak", "third")

    text = results.read_text()
    assert "first" not in text
    positions = [text.index(one) for one in ("Before", "second", "Behind", "third")]
    assert positions == sorted(positions)


def test_a_missing_file_is_begun(results):
    report.keep("bench", "figures")

    assert results.read_text().startswith("# Results")
