import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.domain.engine_address import InvalidAddressError, parse


@pytest.mark.parametrize(
    ("text", "canonical", "socket_path", "base_url", "name"),
    [
        ("unix:/run/e.sock", "unix:/run/e.sock", "/run/e.sock", "http://engine",
         "run-e-sock"),
        ("http://10.0.0.5:8000/", "http://10.0.0.5:8000", None,
         "http://10.0.0.5:8000", "10-0-0-5-8000"),
        ("http://Engine.Local", "http://engine.local:80", None,
         "http://engine.local:80", "engine-local-80"),
        (" http://[::1]:8000 ", "http://[::1]:8000", None, "http://[::1]:8000",
         "1-8000"),
    ],
)  # fmt: skip
def test_it_works(text, canonical, socket_path, base_url, name):
    address = parse(text)

    assert address.text == canonical
    assert address.socket_path == socket_path
    assert address.base_url == base_url
    assert address.suggested_name == name
    assert parse(address.text) == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "write unix:"),
        ("engine:8000", "write unix:"),
        ("https://engine", "write unix:"),
        ("http://", "write unix:"),
        ("http://engine:99999", "out of range"),
        ("http://engine:port", "could not be cast"),
        ("http://engine/v1", "only a host and a port"),
        ("http://me:secret@engine", "only a host and a port"),
        ("http://engine?x=1", "only a host and a port"),
        ("unix:relative.sock", "absolute path"),
        ("unix:/" + "x" * 107, "absolute path"),
        ("http://" + "x" * 250, "255"),
        ("http://en\ngine", "printable"),
    ],
)
def test_it_refuses(text, reason):
    with pytest.raises(InvalidAddressError, match=reason):
        parse(text)


@given(text=st.text(max_size=60) | st.builds("http://{}".format, st.text(max_size=40)))
def test_any_text_is_an_address_or_refused(text):
    try:
        address = parse(text)
    except InvalidAddressError:
        return
    assert parse(address.text) == address
