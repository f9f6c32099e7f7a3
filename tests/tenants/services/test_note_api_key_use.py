from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tenants.services.note_api_key_use import note_api_key_use
from tests.factories import make_api_key, make_project
from tests.parallel import in_parallel

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.django_db
def test_it_works(django_assert_num_queries):
    project = make_project()
    first, second, unused = (make_api_key(project=project)[0] for _ in range(3))

    with django_assert_num_queries(1):
        moved = note_api_key_use({first.pk: NOON, second.pk: NOON + MINUTE})

    for row in (first, second, unused):
        row.refresh_from_db()
    assert moved == 2
    assert first.last_used_at == NOON
    assert second.last_used_at == NOON + MINUTE
    assert unused.last_used_at is None


@pytest.mark.django_db
def test_it_only_moves_forward():
    api_key, _ = make_api_key(last_used_at=NOON)

    assert note_api_key_use({api_key.pk: NOON - MINUTE}) == 0
    assert note_api_key_use({api_key.pk: NOON}) == 0
    assert note_api_key_use({api_key.pk: NOON + MINUTE}) == 1

    api_key.refresh_from_db()
    assert api_key.last_used_at == NOON + MINUTE


@pytest.mark.django_db
def test_nothing_used_asks_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert note_api_key_use({}) == 0


@pytest.mark.django_db
def test_an_unknown_key_is_passed_over():
    api_key, _ = make_api_key()

    assert note_api_key_use({api_key.pk: NOON, api_key.pk + 1: NOON}) == 1


@pytest.mark.django_db(transaction=True)
def test_parallel_calls_in_opposite_orders_do_not_deadlock():
    project = make_project()
    ids = [make_api_key(project=project)[0].pk for _ in range(20)]

    calls = [
        partial(note_api_key_use, dict.fromkeys(order, NOON + MINUTE * minute))
        for minute, order in enumerate([ids, ids[::-1]] * 4)
    ]
    in_parallel(*calls)

    (used_at,) = set(project.api_keys.values_list("last_used_at", flat=True))
    assert used_at == NOON + MINUTE * 7
