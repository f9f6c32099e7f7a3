"""Pages ask a fixed number of questions, however many rows they show."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import make_api_key, make_tenant
from tests.frontend.believable import call, record

PATHS = {
    "owner": [
        "/",
        "/keys/",
        "/usage/",
        "/usage/calls/",
        "/leases/",
        "/invoices/",
        "/settings/",
        "/limits/",
    ],
    "staff": ["/operator/", "/operator/invoices/", "/operator/engines/"],
}
QUERIES_MAX = 14


@pytest.mark.parametrize(
    ("name", "path"), [(name, path) for name in PATHS for path in PATHS[name]]
)
def test_more_rows_ask_no_more(people, version, now, name, path):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert people.client(name).get(path).status_code == 200
        return len(queries)

    people.client(name)  # signed in, which has questions of its own
    record([call(people.api_key, version, now)], now)
    before = count()
    for number in range(5):
        key, _ = make_api_key(project=people.project, name=f"Key {number}")
        make_tenant(name=f"Tenant {number}")
        record([call(key, version, now), call(people.api_key, version, now)], now)
    assert count() <= before <= QUERIES_MAX
