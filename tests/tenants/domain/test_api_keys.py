import hashlib
import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.domain import api_keys

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize("mode", ["live", "test"])
def test_it_works(mode):
    secret = api_keys.make(mode)

    assert re.fullmatch(rf"tf_{mode}_[0-9A-Za-z]{{36}}", secret)
    assert api_keys.is_well_formed(secret)
    assert api_keys.shown_prefix(secret) == secret[:12]
    assert api_keys.digest(secret) == hashlib.sha256(secret.encode()).digest()


def test_no_two_are_alike():
    assert len({api_keys.make("live") for _ in range(1000)}) == 1000


def test_the_check_is_a_worked_example():
    """CRC-32 of the text is 0x4F980595, which written to base 62 is 1SN2uL."""
    number = 0
    for character in "1SN2uL":
        number = number * 62 + ALPHABET.index(character)

    assert number == 0x4F980595 == zlib.crc32(b"tf_live_" + b"0" * 30)
    assert api_keys.is_well_formed("tf_live_" + "0" * 30 + "1SN2uL")


@given(
    position=st.integers(0, api_keys.SECRET_CHARACTERS - 1),
    other=st.characters(codec="utf-8"),
)
def test_it_tells_any_changed_character(position, other):
    """A CRC sees every burst of up to 32 bits; a changed check no longer fits."""
    secret = api_keys.make("live")
    typo = secret[:position] + other + secret[position + 1 :]

    assert api_keys.is_well_formed(typo) == (typo == secret)


@given(position=st.integers(0, api_keys.SECRET_CHARACTERS - 2))
def test_it_tells_two_swapped_neighbours(position):
    secret = api_keys.make("live")
    typo = (
        secret[:position]
        + secret[position + 1]
        + secret[position]
        + secret[position + 2 :]
    )

    assert api_keys.is_well_formed(typo) == (typo == secret)


@given(length=st.integers(0, api_keys.SECRET_CHARACTERS - 1))
def test_it_tells_a_key_cut_short(length):
    assert not api_keys.is_well_formed(api_keys.make("live")[:length])


@given(text=st.text(max_size=80))
def test_it_refuses_any_other_text(text):
    """Whatever a caller sends: an answer, never an exception."""
    assert not api_keys.is_well_formed(text)


@pytest.mark.parametrize("other", ["sk_live_", "tf_prod_", "TF_LIVE_"])
def test_it_refuses_another_prefix(other):
    body = other + "0" * 30

    assert not api_keys.is_well_formed(body + api_keys._check(body))
