"""Whoever asks for token ids can continue exactly what an engine has in its cache."""

import pytest

CHAT = {"messages": [{"role": "user", "content": "Tell me of the sea."}]}
FIELDS = {"max_tokens": 5, "ignore_eos": True, "return_token_ids": True}
BOTH = pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", CHAT),
        ("/v1/completions", {"prompt": "Tell me of the sea."}),
        ("/v1/completions", {"prompt": "Tell me of the sea.", "echo": True}),
    ],
)


def ids_of(chunks):
    """Of a prompt that is told once, and of an answer piece by piece."""
    parts = [part for chunk in chunks for part in (chunk, *chunk["choices"])]
    prompts = [found for part in parts if (found := part.get("prompt_token_ids"))]
    made = [token for part in parts for token in part.get("token_ids") or ()]
    (prompt,) = prompts
    return prompt, made


@BOTH
def test_it_works(engine, path, body):
    answer = engine.post(path, body | FIELDS).json()
    prompt, made = ids_of([answer])
    assert len(prompt) == answer["usage"]["prompt_tokens"]
    assert len(made) == 5
    detokenized = engine.post("/detokenize", {"tokens": prompt}).json()["prompt"]
    assert "Tell me of the sea." in detokenized
    # They stand for the text that would be echoed.
    assert not answer["choices"][0].get("text", "").startswith("Tell me")


@BOTH
def test_a_stream_tells_them_piece_by_piece(engine, path, body):
    whole = engine.post(path, body | FIELDS | {"temperature": 0}).json()
    chunks = engine.stream(path, **body, **FIELDS, temperature=0)
    assert ids_of(chunks) == ids_of([whole])


def test_the_next_turn_continues_them(engine):
    first = {"prompt": "Tell me of the sea. " * 10, "temperature": 0}
    prompt, made = ids_of([engine.post("/v1/completions", first | FIELDS).json()])
    second = engine.post("/v1/completions", {"prompt": prompt + made, "max_tokens": 1})
    usage = second.json()["usage"]
    assert usage["prompt_tokens"] == len(prompt) + 5
    assert usage["prompt_tokens_details"]["cached_tokens"] >= len(prompt) // 32 * 32


@BOTH
def test_nobody_else_is_told(engine, path, body):
    answer = engine.post(path, body | {"max_tokens": 1}).json()
    (choice,) = answer["choices"]
    assert choice["token_ids"] is None
    assert (answer | choice)["prompt_token_ids"] is None
