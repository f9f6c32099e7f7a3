"""What counting a prompt costs: time in its thread, time to load, memory.

    .venv/bin/python -m benchmarks.counting [FOLDER OF A MODEL]

Each figure of memory is taken in a process of its own, on top of the proxy's modules.
"""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import msgspec

import metering.proxy.pipeline  # noqa: F401 - for the memory that a proxy has anyway
from inference.encoding import Counter, _encoding, load
from inference.token_bound import TokenBound, load_bound
from inference.tokenizer_file import GPT2_SPLIT, Frame, TokenizerFile
from metering.proxy import prompts
from metering.proxy.counting import _load_counter, _return_memory
from metering.proxy.transform.dialects.completions import CHAT_COMPLETIONS
from metering.proxy.transform.request import ParsedRequest, parse

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "counting"
REPEATS = 30
SIZES = (100, 1000, 4000)
VOCABULARIES = (50_000, 100_000, 150_000, 250_000)
NOTHING = "nothing"


def main(folder: Path) -> None:
    began = time.perf_counter()
    counter = load(folder)
    loaded = time.perf_counter()
    bound = load_bound(folder)
    print(f"{folder.name}: {counter.vocabulary_size:,} tokens in the vocabulary")
    print(f"load {_ms(loaded - began)}, bound {_ms(time.perf_counter() - loaded)}\n")
    print("| tokens | bytes | count µs | chat µs | bound µs |")
    print("|---:|---:|---:|---:|---:|")
    for tokens in SIZES:
        text = _prose(tokens)
        while counter.count_text(text) > tokens:
            text = text[: int(len(text) * 0.98)]
        chat = _chat_request(text)
        figures = (
            _us(partial(counter.count_text, text)),
            _us(partial(_count_chat, counter, chat)),
            _us(partial(_most, chat, bound)),
        )
        times = " | ".join(f"{us:.0f}" for us in figures)
        print(f"| {tokens} | {len(text)} | {times} |")
    print("\n| what the process holds | MiB | at the peak |\n|---|---:|---:|")
    for what in (NOTHING, str(folder), *map(str, VOCABULARIES)):
        command = [sys.executable, "-m", "benchmarks.counting", "--memory", what]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        print(done.stdout, end="")


def _count_chat(counter: Counter, request: ParsedRequest) -> int:
    return prompts.count(counter, prompts.read_prompt(request))


def _most(request: ParsedRequest, bound: TokenBound | None) -> int:
    return prompts.most_tokens(request, bound, context_tokens=131_072)


def _chat_request(text: str) -> ParsedRequest:
    messages = [{"role": "user", "content": text}]
    body = msgspec.json.encode({"model": "m", "messages": messages})
    return parse(CHAT_COMPLETIONS, body)


def _prose(tokens: int) -> str:
    words = (Path(__file__).parent / "README.md").read_text().split()
    choose = random.Random(1)  # noqa: S311 - the same text each time
    return " ".join(choose.choice(words) for _ in range(tokens))


def _us(act: Callable[[], object]) -> float:
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return median(took) * 1e6


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def print_memory(what: str) -> None:
    """One row: what this process holds with the proxy's modules and `what`."""
    kept: list[object] = []
    if what.isdecimal():
        kept.append(_random_encoding(int(what)))
    elif what != NOTHING:
        kept.append(_load_counter(Path(what), 10**9))
    _return_memory()
    status = Path("/proc/self/status").read_text()
    now, peak = (
        int(status.partition(f"{name}:")[2].split()[0]) / 1024
        for name in ("VmRSS", "VmHWM")
    )
    name = f"{int(what):,} random tokens" if what.isdecimal() else Path(what).name
    print(f"| {name} | {now:.0f} | {peak:.0f} |")


def _random_encoding(size: int) -> object:
    """As large as that of a model of so many tokens: 6 bytes a token on average."""
    choose = random.Random(1)  # noqa: S311
    ranks = {bytes([byte]): byte for byte in range(256)}
    while len(ranks) < size:
        ranks.setdefault(choose.randbytes(choose.randrange(2, 11)), len(ranks))
    file = TokenizerFile(
        split=GPT2_SPLIT,
        ranks=ranks,
        special={"<|end|>": size},
        is_composed=False,
        frame=Frame(),
    )
    return _encoding("random", file)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        print_memory(sys.argv[2])
    else:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
