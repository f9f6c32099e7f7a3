"""What an engine is asked before its tokenizer's twin in this process is trusted."""

import random
from collections.abc import Iterator

import msgspec

from inference.encoding import Counter
from metering.proxy.transform.dialects.completions import CHAT_COMPLETIONS, COMPLETIONS
from metering.proxy.transform.endpoint import Endpoint
from metering.proxy.transform.request import ParsedRequest, parse

_SPANS = (
    (33, 127), (97, 123), (65, 91), (48, 58), (0xA1, 0x250), (0x391, 0x3CA),
    (0x410, 0x450), (0x5D0, 0x5EB), (0x627, 0x64B), (0x905, 0x940), (0x3041, 0x3097),
    (0x4E00, 0x9000), (0xAC00, 0xD7A4), (0x300, 0x310), (0x1F600, 0x1F640),
)  # fmt: skip
_GAPS = ("", "", "", " ", " ", "  ", "\n", "\n\n", "\t", "    ", " \n ", "'s ", "'LL ")
_PROSE = (
    "def f(x: int) -> None:\n    return {'a': [1, 22, 333, 4444], \"b\": x**2}  # so\n"
    "We'll see: 3.14, 1,000,000 and 2026-11-21T07:00:00Z cost $5.00 (or 5 %).\r\n"
    "https://example.com/a?b=c&d=%20e — “quoted”… ½ ² Ⅷ ٣ é e\u0301\u00a0\u3000\u2028"
)
_TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Finds things.",
        "parameters": {"type": "object", "properties": {"what": {"type": "string"}}},
    },
}


def sample_requests(counter: Counter) -> Iterator[ParsedRequest]:
    """A long text of all sorts, and chats; some 8,000 tokens."""
    text = _PROSE + _random_text(4000, counter.special_tokens)
    yield _request(COMPLETIONS, prompt=text)
    user = {"role": "user", "content": text[:2000]}
    system = {"role": "system", "content": "Be terse.\n"}
    answer = {"role": "assistant", "content": " Well. "}
    yield _request(CHAT_COMPLETIONS, messages=[user])
    yield _request(CHAT_COMPLETIONS, messages=[system, user, answer, user])
    yield _request(CHAT_COMPLETIONS, messages=[system, user], tools=[_TOOL])


def _request(endpoint: Endpoint, **fields: object) -> ParsedRequest:
    body = msgspec.json.encode({"model": "sample", **fields})
    return parse(endpoint, body)


def _random_text(pieces: int, special: frozenset[str]) -> str:
    """The same each time. Control characters are left out: some models drop them."""
    choose = random.Random(7)  # noqa: S311
    words = sorted(special)[:50] or [""]
    found: list[str] = []
    for _ in range(pieces):
        span = choose.choice(_SPANS)
        length = choose.choice((1, 1, 2, 3, 5, 8))
        found += [chr(choose.randrange(*span)) for _ in range(length)]
        found.append(choose.choice(words if choose.random() < 0.02 else _GAPS))  # noqa: PLR2004
    return "".join(found)
