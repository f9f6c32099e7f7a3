"""What fuzzing found at the door, each as a case of its own."""

import pytest

from tests.metering.proxy.conftest import MODEL, Plane
from tests.metering.proxy.fuzz.answers import read_answers
from tests.metering.proxy.raw import RawClient, request

GOOD = b'{"model":"default","messages":[{"role":"user","content":"Hi"}],"max_tokens":4}'
CHUNKED = b"transfer-encoding: chunked"
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\n"


def in_chunks(body: bytes, *, trailers: bytes = b"") -> bytes:
    return b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, trailers)


def test_it_works_with_a_target_in_absolute_form(plane: Plane, secret: str):
    client = plane.raw()
    path = b"HTTP://proxy.example:80/v1/chat/completions?x"
    client.send(request(secret, GOOD, path=path))
    assert client.answer().status == 200


def test_an_answer_to_head_has_no_body(plane: Plane):
    client = plane.raw()
    client.send(b"HEAD /healthz HTTP/1.1\r\n\r\n")
    head = client.receive_until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 405 ")
    client._read = b""
    client.send(b"GET /healthz HTTP/1.1\r\n\r\n")
    assert client.answer().body == b"ok\n"


def test_an_upgrade_is_passed_over(plane: Plane, secret: str):
    """Java's client offers one with its first request."""
    upgrade = (b"connection: upgrade", b"upgrade: h2c")
    client = plane.raw()
    lines = b"\r\n".join((b"GET /v1/models HTTP/1.1", *upgrade))
    client.send(lines + b"\r\nx-api-key: %b\r\n\r\n" % secret.encode())
    assert MODEL.encode() in client.answer().body
    client.send(request(secret, GOOD, *upgrade))
    answer = client.answer()
    assert (answer.status, answer.is_closed) == (400, True)
    assert client.receive_all() == b""


def test_a_trailer_is_no_header(plane: Plane, secret: str):
    trailers = b"authorization: Bearer x\r\nidempotency-key: \xff\r\n"
    client = plane.raw()
    client.send(request(secret, in_chunks(GOOD, trailers=trailers), CHUNKED))
    assert client.answer().status == 200


@pytest.mark.parametrize("after", [b"zz\r\n", b"-1\r\n"])
def test_who_was_refused_is_not_refused_again(plane: Plane, after: bytes):
    """A second answer would be taken for that of the next request."""
    client = plane.raw()
    client.send(HEAD + CHUNKED + b"\r\n\r\n")
    client.receive_until(b"missing_api_key")
    client.send(after)
    answers, rest = read_answers(client.receive_all())
    assert ([one.status for one in answers], rest) == ([401], b"")


def test_after_close_is_said_nothing_follows(plane: Plane, secret: str):
    client = plane.raw()
    client.send(request(secret, GOOD, b"connection: close") + request(secret, GOOD))
    answers, rest = read_answers(client.receive_all())
    assert ([one.status for one in answers], rest) == ([200], b"")


@pytest.mark.parametrize(
    ("begin", "status"),
    [
        (b"GET / HTTP/1.1\r\nx: ", 431),
        (HEAD + b"x: y\r\n" + CHUNKED + b"\r\n\r\n1;", 401),
    ],
)
def test_what_never_ends_is_cut(plane: Plane, begin: bytes, status: int):
    """A header, or a chunk's extension: the parser tells of neither before its end."""
    client = plane.raw()
    client.send(begin)
    assert sent_until_cut(client) < 10_000_000
    try:
        answers, _ = read_answers(client.receive_all())
    except OSError:  # the reset was faster than the answer
        return
    assert [one.status for one in answers] == [status]


def sent_until_cut(client: RawClient) -> int:
    for times in range(1000):
        try:
            client.send(b"y" * 65536)
        except OSError:
            return times * 65536
    return 1000 * 65536
