from hypothesis import given
from hypothesis import strategies as st

from inference.domain.lease_gaps import Continuation, continuation
from tests.inference.lease_books import events, new_id, receipt


def told(*numbers, last=None):
    receipts = [receipt(number, lease_id=new_id()) for number in numbers]
    return events(*receipts, last_sequence=last)


def test_it_works():
    found = continuation(3, told(4, 5))

    assert found == Continuation(sequence=5, is_whole=True, is_last=True)


def test_nothing_new_is_whole():
    found = continuation(3, told(last=3))

    assert found == Continuation(sequence=3, is_whole=True, is_last=True)


@given(after=st.integers(0, 5), numbers=st.sets(st.integers(1, 20), max_size=20))
def test_each_missing_number_shows(after, numbers):
    later = sorted(number for number in numbers if number > after)
    last = max([after, *numbers])

    found = continuation(after, told(*later, last=last))

    assert found.sequence == last
    assert found.is_whole == (later == list(range(after + 1, last + 1)))
