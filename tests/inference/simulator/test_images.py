import base64
import struct

import pytest

from tests.engine_contract.engines import grown, run_simulator

PATH = "/v1/images/generations"


@pytest.fixture(scope="module")
def painter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("painter")
    with run_simulator(folder, SIMULATOR_TASK="image", SIMULATOR_FAULTS="1") as engine:
        yield engine


def draw(painter, **fields):
    answer = painter.post(PATH, {"prompt": "A sea horse"} | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def size_of(image):
    """(width, height) as the PNG itself says."""
    data = base64.b64decode(image["b64_json"])
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", data[16:24])


def test_it_works(painter):
    answer = draw(painter)
    (image,) = answer["data"]
    assert size_of(image) == (1024, 1024)
    assert answer["size"] == "1024x1024"
    assert answer["created"] > 0
    usage = answer["usage"]
    assert usage["output_tokens"] == 1024
    assert usage["total_tokens"] == usage["input_tokens"] + 1024
    assert usage["input_tokens_details"] == {
        "image_tokens": 0,
        "text_tokens": usage["input_tokens"],
    }


@pytest.mark.parametrize(
    ("size", "pixels", "tokens"),
    [
        ("256x256", (256, 256), 64),
        ("1536x1024", (1536, 1024), 1536),
        ("auto", (1024, 1024), 1024),
    ],
)
def test_it_has_the_size_that_was_asked_for(painter, size, pixels, tokens):
    answer = draw(painter, size=size)
    assert size_of(answer["data"][0]) == pixels
    assert answer["usage"]["output_tokens"] == tokens


def test_the_same_prompt_has_the_same_image(painter):
    first, again = draw(painter), draw(painter)
    assert first["data"] == again["data"]
    assert draw(painter, prompt="A sea lion")["data"] != first["data"]


def test_many_images_count_the_prompt_once_in_usage(painter):
    before = painter.idle_counters()
    answer = draw(painter, n=3, size="512x512")
    after = painter.idle_counters()
    assert len({image["b64_json"] for image in answer["data"]}) == 3
    usage = answer["usage"]
    assert usage["output_tokens"] == 3 * 256
    assert grown(before, after, "prompt_tokens") == 3 * usage["input_tokens"]
    assert grown(before, after, "generation_tokens") == 3 * 256


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"size": "1x1"}, 400),
        ({"n": 0}, 400),
        ({"n": 11}, 400),
        ({"prompt": ""}, 400),
        ({"prompt": None}, 400),
        ({"model": "nope"}, 404),
        ({"stream": True}, 400),
    ],
)
def test_it_refuses(painter, fields, status):
    answer = painter.post(PATH, {"prompt": "A sea horse"} | fields)
    assert answer.status_code == answer.json()["error"]["code"] == status


@pytest.mark.parametrize("fault", ["no-usage", "status:500", "break"])
def test_faults_befall_it(painter, fault):
    body = {"prompt": "A sea horse"}
    answer = painter.post(PATH, body, **{"x-simulator-fault": fault})
    assert answer.status_code == (200 if fault == "no-usage" else 500)
    assert "usage" not in answer.json()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
def test_it_does_nothing_else(painter, path):
    assert painter.post(path, {"messages": [], "input": "x"}).status_code == 404
