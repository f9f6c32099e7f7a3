import uuid

BLOCK = 32


def split(usage):
    """(prompt, cached, written) tokens of a chat's usage."""
    details = usage["prompt_tokens_details"]
    return (
        usage["prompt_tokens"],
        details["cached_tokens"],
        details["created_cache_tokens"],
    )


def ask(engine, prompt, **fields):
    return split(engine.chat(prompt, max_tokens=1, temperature=0, **fields)["usage"])


def test_the_prompt_is_cached_written_or_a_tail(engine, new_prompt):
    for words in (0, 5, 20, 80, 85, 90, 95, 100):
        prompt = new_prompt(words)
        for _ in range(2):
            total, cached, written = ask(engine, prompt)
            assert 0 <= total - cached - written < BLOCK
            assert cached % BLOCK == written % BLOCK == 0


def test_the_second_time_whole_blocks_are_found(engine, new_prompt):
    prompt = new_prompt()
    total, cached, _ = ask(engine, prompt)
    # The system prompt, which other cases share, may fill blocks of its own.
    assert cached <= BLOCK
    again = ask(engine, prompt)
    assert again[:2] == (total, (total - 1) // BLOCK * BLOCK)


def test_a_wholly_known_prompt_still_computes_its_last_block(engine):
    ids = [100 + number for number in range(2 * BLOCK)]
    body = {"prompt": ids, "max_tokens": 1, "cache_salt": uuid.uuid4().hex}
    cached = []
    for _ in range(2):
        usage = engine.post("/v1/completions", body).json()["usage"]
        cached.append(usage["prompt_tokens_details"]["cached_tokens"])
    assert cached == [0, BLOCK]


def test_another_salt_finds_nothing(engine, new_prompt):
    prompt, mine, other = new_prompt(), uuid.uuid4().hex, uuid.uuid4().hex
    assert ask(engine, prompt, cache_salt=mine)[1] == 0
    assert ask(engine, prompt, cache_salt=mine)[1] > 0
    assert ask(engine, prompt, cache_salt=other)[1] == 0


def test_a_salt_hides_from_those_without_one(engine, new_prompt):
    prompt = new_prompt()
    total, _, written = ask(engine, prompt, cache_salt=uuid.uuid4().hex)
    assert written > 0
    assert ask(engine, prompt)[1] <= BLOCK
    assert ask(engine, prompt, cache_salt=uuid.uuid4().hex)[1] == 0
    assert total > 2 * BLOCK


def test_the_next_turn_finds_the_last_one(engine, new_prompt):
    messages = [{"role": "user", "content": new_prompt()}]
    body = {"messages": messages, "max_tokens": 40, "temperature": 0}
    first = engine.post("/v1/chat/completions", body).json()
    messages += [first["choices"][0]["message"] | {"content": "I see."}]
    messages += [{"role": "user", "content": "And then?"}]
    usage = engine.post("/v1/chat/completions", body).json()["usage"]
    before = first["usage"]["prompt_tokens"]
    assert split(usage)[1] >= (before // BLOCK - 1) * BLOCK
