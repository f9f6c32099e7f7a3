import pytest

from tenants.domain.names import clean_name


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Acme", "Acme"),
        ("  Acme \n Robotics\t", "Acme Robotics"),
        ("Ünïcode 工場", "Ünïcode 工場"),
        ("x" * 100, "x" * 100),
    ],
)
def test_it_works(typed, kept):
    assert clean_name(typed) == kept


@pytest.mark.parametrize("typed", ["", "   ", "x" * 101, "a\x00b", "a\u202eb"])
def test_it_refuses(typed):
    assert clean_name(typed) is None
