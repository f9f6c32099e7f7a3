"""Servers, settings and the network guard; every test below has them.

Order matters: the servers must run before Django's settings are read, so
DJANGO_SETTINGS_MODULE is set here and not in pyproject.toml.
"""

import os
import sys
from collections.abc import Iterator
from importlib import import_module

import django
import pytest
import redis
from django.core.management.commands import flush
from django.db.backends.base.operations import BaseDatabaseOperations
from playwright.sync_api import Browser
from xdist.remote import Producer

from tests.frontend.browser.chromium import start_browser
from tests.servers import start_servers
from tests.stripe_sim.server import SECRET_KEY, WEBHOOK_SECRET, run_stripe_sim
from tests.workers import Scheduling, check_engine_files, put_long_files_first

start_servers()
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()


def _refuse_the_network(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook: no test talks to anything but this machine."""
    if event != "socket.connect":
        return
    address = arguments[1]
    if not isinstance(address, tuple):  # a unix socket's path
        return
    host = str(address[0])
    if not (host.startswith("127.") or host in {"::1", "localhost"}):
        message = f"A test tried to reach {host}; only loopback is allowed."
        raise PermissionError(message)


sys.addaudithook(_refuse_the_network)


# Of a role that copies rows: no trigger fires, those that guard history included.
_EMPTY = """
DO $$
DECLARE name text;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOREACH name IN ARRAY ARRAY[{}] LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
    SET LOCAL session_replication_role = origin;
END $$
"""
_MADE_WITH_THE_SCHEMA = {"auth_permission", "django_content_type"}


_TAX_RATES = import_module("billing.migrations.0005_eu_vat_rates")
_ENTER_TAX_RATES = """
INSERT INTO billing_taxrate
    (country, rate_basis_points, effective_from, effective_to)
VALUES
""" + ",".join(
    f"('{country}', {rate}, '{begin}', nullif('{end}', 'None')::date)"
    for country, rate, begin, end in (
        *(
            (name, rate, _TAX_RATES.SINCE, None)
            for name, rate in _TAX_RATES.RATES.items()
        ),
        *_TAX_RATES.CHANGED,
    )
)


@pytest.fixture(autouse=True, scope="session")
def _flush_passes_the_guards_of_history() -> Iterator[None]:
    """Django empties the tables after each transactional test by TRUNCATE, which the
    database refuses for the books, and which makes hundreds of files for tables that
    mostly have no row. Here the rows are deleted. The tax rates, which a migration
    enters, are entered again; what migrating makes beside them stays.
    """

    def delete_rows(self: BaseDatabaseOperations, sql_list: list[str]) -> None:
        del sql_list
        tables = self.connection.introspection.django_table_names(only_existing=True)
        names = sorted(set(tables) - _MADE_WITH_THE_SCHEMA)
        quoted = ", ".join(f"'{name}'" for name in names)
        with self.connection.cursor() as cursor:
            cursor.execute(_EMPTY.format(quoted) + ";" + _ENTER_TAX_RATES)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseDatabaseOperations, "execute_sql_flush", delete_rows)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *_, **__: None)
        yield


def pytest_xdist_setupnodes() -> None:
    """A worker inherits this environment, and must not read the settings before it has
    started servers of its own.
    """
    del os.environ["DJANGO_SETTINGS_MODULE"]


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


@pytest.hookimpl(trylast=True)  # after all have been shuffled
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    check_engine_files(items)
    put_long_files_first(items)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each module and no longer: while Playwright's loop runs in this thread,
    no other loop can.
    """
    with start_browser() as browser:
        yield browser


@pytest.fixture
def valkey() -> Iterator[redis.Redis]:
    """A client of database 0 (snapshots and limits), empty before and after."""
    client = redis.Redis.from_url(os.environ["VALKEY_URL"], db=0)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def stripe_sim(settings):
    """Stripe, simulated; the settings lead there."""
    with run_stripe_sim() as sim:
        settings.STRIPE_API_KEY = SECRET_KEY
        settings.STRIPE_WEBHOOK_SECRET = WEBHOOK_SECRET
        settings.STRIPE_API_BASE = sim.url
        yield sim
