"""By which price a call is charged, when a tenant pays by a book of its own."""

from datetime import UTC, datetime

import pytest

from metering.wire import SNAPSHOT_KIND, PriceVector
from tests.metering.proxy.conftest import MODEL, Plane, until

LIST, PARTNERS, OWN, EUROS = 0, 31, 32, 33
FAR = datetime(2999, 1, 1, tzinfo=UTC).timestamp()


def vector(
    price_version_id: int, price_book_id: int, *, model: str = MODEL, **changes
) -> PriceVector:
    fields = {"effective_from": 0, "effective_to": None, **changes}
    return PriceVector(
        price_version_id=price_version_id,
        price_book_id=price_book_id,
        model=model,
        new_input_nanos_per_million=100_000_000,
        cached_input_nanos_per_million=20_000_000,
        output_nanos_per_million=400_000_000,
        image_nanos_per_million=None,
        **fields,
    )


def charged_by(
    plane: Plane, price_books: tuple[int, ...], *vectors: PriceVector, currency="USD"
):
    """The version that a call's event names; None: the call is refused as unpriced."""
    plane.publish(SNAPSHOT_KIND, [*vectors])
    secret = plane.add_key(price_books=price_books, currency=currency)
    # Whoever has read the key has read the prices that were published before it.
    answer = until(lambda: (it := plane.chat(secret)).status_code != 401 and it)
    if not answer.is_success:
        assert answer.json()["error"]["code"] == "model_not_priced"
        return None
    return plane.events()[-1].price_version_id


def test_it_works(plane: Plane):
    books = OWN, PARTNERS
    vectors = [vector(1, LIST), vector(2, PARTNERS), vector(3, OWN)]

    assert charged_by(plane, books, *vectors) == 3


@pytest.mark.parametrize(
    ("price_books", "vectors", "expected"),
    [
        # Who has no book pays the list, whatever others pay.
        ((), [vector(2, PARTNERS), vector(1, LIST)], 1),
        ((OWN,), [vector(2, PARTNERS), vector(1, LIST)], 1),
        # What the first book does not have is looked for in the next.
        ((OWN, PARTNERS), [vector(2, PARTNERS), vector(1, LIST)], 2),
        ((OWN,), [vector(3, OWN, model="other"), vector(1, LIST)], 1),
        # Prices that are over, or have not begun, are not there.
        ((OWN,), [vector(3, OWN, effective_to=1), vector(1, LIST)], 1),
        ((OWN,), [vector(3, OWN, effective_from=FAR), vector(1, LIST)], 1),
        # The model is sold in no other way than by this book.
        ((OWN,), [vector(3, OWN)], 3),
    ],
)
def test_which_price_is_taken(plane: Plane, price_books, vectors, expected):
    assert charged_by(plane, price_books, *vectors) == expected


@pytest.mark.parametrize("price_books", [(), (PARTNERS,)])
def test_it_refuses_a_model_that_only_others_may_buy(plane: Plane, price_books):
    assert charged_by(plane, price_books, vector(3, OWN)) is None
    assert plane.is_ready()


def test_each_tenant_is_charged_by_the_list_of_its_currency(plane: Plane):
    both = vector(1, LIST), vector(4, EUROS)

    assert charged_by(plane, (EUROS,), *both, currency="EUR") == 4
    assert charged_by(plane, (), *both) == 1


@pytest.mark.parametrize("price_books", [(), (EUROS,), (OWN, EUROS)])
def test_it_refuses_a_model_without_a_price_in_the_tenants_currency(
    plane: Plane, price_books
):
    """The list in dollars is no list for those who pay in euros."""
    others = vector(1, LIST), vector(4, EUROS, model="other")

    assert charged_by(plane, price_books, *others, currency="EUR") is None
