"""The process that keeps money known, through a kill of its Valkey."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.utils import timezone

from metering.services.prepare_usage_partitions import prepare_usage_partitions
from tests.billing.money import is_known, spent_event, store, total
from tests.factories import make_api_key, make_spend_limit
from tests.metering.proxy.limit_script import OwnValkey, own_valkey

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS_MAX = 30


def database_url():
    database = connection.settings_dict
    return (
        f"postgres://{database['USER']}:{database['PASSWORD']}"
        f"@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    )


@contextlib.contextmanager
def process(home, valkey_url):
    (home / "journal" / "0").mkdir(parents=True)
    running = subprocess.Popen(
        [sys.executable, "manage.py", "keep_money_seeded"],
        env={
            **os.environ,
            "TOKENFAB_HOME": str(home),
            "DATABASE_URL": database_url(),
            "VALKEY_URL": valkey_url,
            "DJANGO_SETTINGS_MODULE": "config.settings",
        },
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def until_known(server: OwnValkey, tenant):
    deadline = time.monotonic() + SECONDS_MAX
    while not is_known(server.client, tenant):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_works_and_notices_a_new_valkey(tmp_path):
    prepare_usage_partitions(timezone.now())
    api_key, _ = make_api_key()
    make_spend_limit(subject=api_key.tenant)
    store(spent_event(api_key, 7, at=datetime.now(UTC)))
    with own_valkey() as server, process(tmp_path, server.url) as running:
        until_known(server, api_key.tenant)
        assert total(server.client, api_key.tenant) == 7
        server.kill()
        store(spent_event(api_key, 5, at=datetime.now(UTC)))
        server.start()
        began = time.monotonic()
        until_known(server, api_key.tenant)
        # Two looks, a second apart, and the two seconds that an event may be late.
        assert time.monotonic() - began < 8
        assert total(server.client, api_key.tenant) == 12
        running.send_signal(signal.SIGTERM)
        assert running.wait(SECONDS_MAX) == 0
