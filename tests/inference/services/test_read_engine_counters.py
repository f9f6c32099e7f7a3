"""What engines answer when they are asked for their counters, and what is no answer."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from inference.services import fetch_engine_text as fetching
from inference.services.read_engine_counters import read_engine_counters
from tests.factories import make_engine, make_served_model

pytestmark = pytest.mark.django_db
COUNTERS = b'vllm:generation_tokens_total{engine="0",model_name="small"} 5.0\n'


@contextmanager
def answering(body, *, status=200):
    """An engine over TCP that says `body` to whoever asks."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/metrics" else 404)
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                return  # nobody reads on

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def ask(address):
    return read_engine_counters([make_engine(address=address)])


def test_it_works():
    with answering(COUNTERS) as address:
        [answer] = ask(address)
    assert answer.metrics.models["small"].output_tokens == 5
    assert answer.metrics.started_at is None
    assert answer.asked_at <= answer.answered_at


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", COUNTERS[:-5] + b"many\n"])
def test_what_says_no_counts_is_no_answer(body):
    with answering(body) as address:
        assert ask(address) == []


def test_an_error_is_no_answer():
    with answering(COUNTERS, status=503) as address:
        assert ask(address) == []


def test_an_endless_answer_is_cut(monkeypatch):
    monkeypatch.setattr(fetching, "TEXT_BYTES_MAX", 1000)
    with answering(COUNTERS * 1000) as address:
        assert ask(address) == []


def test_one_bad_engine_does_not_keep_the_others():
    model = make_served_model()
    with answering(b"") as bad, answering(COUNTERS) as good:
        engines = [
            make_engine(served_model=model, address=address)
            for address in (bad, good, "unix:/nonexistent/engine.sock")
        ]
        assert [a.engine_id for a in read_engine_counters(engines)] == [engines[1].pk]
