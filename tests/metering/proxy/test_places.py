"""Which free places a process keeps, and which go back."""

from metering.proxy.places import IDLE_SECONDS, Places

NOW = 1000.0


def with_free(count: int, *, allowed: int = 10) -> Places:
    places = Places()
    places.allow(allowed, NOW)
    places.take_surplus(NOW)  # from now on it is seen who lies idle
    for number in range(count):
        assert places.keep(str(number))
    return places


def test_it_works():
    places = with_free(3)
    assert places.take() == "2"
    assert places.keep("3")
    assert places.take() == "3"
    assert places.free == ["0", "1"]


def test_it_keeps_none_without_a_slice():
    assert not Places().keep("a")
    places = with_free(3)
    assert places.take_all() == ["0", "1", "2"]
    assert not places.keep("a")


def test_it_keeps_no_more_than_allowed():
    places = with_free(3, allowed=3)
    assert not places.keep("a")
    places.allow(1, NOW)
    assert places.take_surplus(NOW) == ["0", "1"]
    assert places.free == ["2"]


def test_what_lay_idle_for_the_life_of_a_slice_goes_back():
    places = with_free(4)
    later = NOW + IDLE_SECONDS
    assert places.take_surplus(later) == []  # they came only after it began
    some = [places.take(), places.take()]
    for place in some:
        places.keep(place)
    assert places.take_surplus(later + IDLE_SECONDS / 2) == []
    assert places.take_surplus(later + IDLE_SECONDS) == ["0", "1"]
    assert len(places.free) == 2


def test_what_goes_back_as_too_much_is_not_idle_any_more():
    places = with_free(4)
    places.take_surplus(NOW + IDLE_SECONDS)
    places.allow(3, NOW + IDLE_SECONDS)
    assert places.take_surplus(NOW + IDLE_SECONDS) == ["0"]
    places.allow(10, NOW + IDLE_SECONDS)
    assert places.take_surplus(NOW + 2 * IDLE_SECONDS) == ["1", "2", "3"]
    assert places.free == []


def test_after_a_long_stop_all_go_back():
    places = with_free(2)
    assert places.take_surplus(NOW + 15) == ["0", "1"]
