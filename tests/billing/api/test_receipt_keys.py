"""Anybody may have the public keys."""

import hashlib

import pytest
from django.test import Client

PATH = "/.well-known/tokenfab-receipt-keys.json"


@pytest.fixture
def client(db):  # noqa: ARG001  pytest asks by argument
    return Client()


def test_it_works(client):
    (key,) = client.get(PATH).json()["keys"]
    assert key["algorithm"] == "Ed25519"
    public = bytes.fromhex(key["public_key"])
    assert len(public) == 32
    assert key["key_id"] == hashlib.sha256(public).hexdigest()[:16]


def test_a_replaced_key_is_still_told(client, settings):
    (before,) = client.get(PATH).json()["keys"]
    settings.RECEIPT_KEY = "another"
    assert client.get(PATH).json()["keys"][0] == before
    assert len(client.get(PATH).json()["keys"]) == 2


def test_it_refuses_to_be_written_to(client):
    assert client.post(PATH).status_code == 405
