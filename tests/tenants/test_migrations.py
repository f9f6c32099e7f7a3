"""The limits that keys had are the limits they have, there and back."""

import psycopg
import pytest

from tests.fresh_database import fresh_database, migrate

_TENANT = """
    INSERT INTO tenants_tenant (id, name, slug, cache_salt, created_at, is_prepaid,
        are_cached_tokens_limited, refuses_without_limiter)
    VALUES (1, 'Acme', 'acme', 'salt', now(), false, false, false);
    INSERT INTO tenants_project (id, tenant_id, name, created_at)
        VALUES (1, 1, 'Default', now());
"""
_KEY = """
    INSERT INTO tenants_apikey (id, tenant_id, project_id, name, prefix, digest,
        created_at, requests_per_minute, tokens_per_minute)
    VALUES (%s, 1, 1, 'Key', 'tf_live_', %s, now(), %s, %s)
"""
_COLUMNS = (
    "SELECT id, requests_per_minute, tokens_per_minute FROM tenants_apikey ORDER BY id"
)
_ROWS = """
    SELECT tenant_id, api_key_id, project_id, model, kind, amount
    FROM tenants_ratelimit ORDER BY api_key_id, kind
"""
REQUESTS, TOKENS = "requests_per_minute", "tokens_per_minute"


@pytest.fixture(scope="module")
def database():
    with fresh_database() as url:
        yield url


def test_it_works(database):
    keys = [(1, 600, 1_000_000), (2, None, 5), (3, None, None)]
    migrate(database, "tenants", "0002")
    with psycopg.connect(database) as server:
        server.execute(_TENANT)
        for number, requests, tokens in keys:
            server.execute(_KEY, (number, bytes([number]), requests, tokens))

    migrate(database, "tenants", "0004")
    with psycopg.connect(database) as server:
        assert server.execute(_ROWS).fetchall() == [
            (1, 1, None, None, REQUESTS, 600),
            (1, 1, None, None, TOKENS, 1_000_000),
            (1, 2, None, None, TOKENS, 5),
        ]
        # Made since: of a kind, or for a model, that the columns cannot hold.
        server.execute("""
            INSERT INTO tenants_ratelimit (tenant_id, api_key_id, model, kind, amount)
            VALUES (1, 3, NULL, 'requests_per_day', 9),
                (1, 3, 'small', 'requests_per_minute', 7),
                (1, 3, NULL, 'requests_per_minute', 4000000000)
        """)

    migrate(database, "tenants", "0002")
    with psycopg.connect(database) as server:
        found = server.execute(_COLUMNS).fetchall()
        assert found == [*keys[:2], (3, 2**31 - 1, None)]
        assert len(server.execute(_ROWS).fetchall()) == 2

    migrate(database, "tenants", "0004")
    with psycopg.connect(database) as server:
        assert len(server.execute(_ROWS).fetchall()) == 6
