import os

import pytest

from config.supervisor.valkey import ping, prepare


def test_it_works(valkey):
    ping(os.environ["VALKEY_URL"])
    assert valkey.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert valkey.config_get("appendonly") == {"appendonly": "yes"}


def test_it_refuses_a_wrong_password():
    url = os.environ["VALKEY_URL"].replace("redis://:", "redis://:not-")
    with pytest.raises(OSError, match="password"):
        ping(url)


def test_the_password_is_on_no_command_line(tmp_path):
    server = prepare(tmp_path, 6379)
    configuration = server.data / "valkey.conf"
    assert "requirepass" in configuration.read_text()
    assert configuration.stat().st_mode & 0o077 == 0
