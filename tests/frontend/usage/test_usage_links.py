import pytest

from frontend.templatetags.usage_links import change


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (112, 100, " (+12 %)"),
        (1126, 1000, " (+13 %)"),
        (0, 7, " (-100 %)"),
        (7, 0, ""),
        (550, 29, " (now 19 times that)"),
    ],
)
def test_it_works(now, before, said):
    assert change(now, before) == said
