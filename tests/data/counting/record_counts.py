"""Writes `counts.json`: what the real engine says of each prompt with this tokenizer.

    .venv-engine/bin/python tests/data/counting/make_tokenizer.py FOLDER/counting
    MODEL=FOLDER/counting TOKENFAB_HOME=FOLDER ENGINE_KEY=engine-key \
        ENGINE_ARGUMENTS="--enable-auto-tool-choice --tool-call-parser hermes" \
        .venv/bin/python -m inference.engine
    .venv/bin/python -m tests.data.counting.record_counts FOLDER/run/engine.sock

One number is kept for each prompt: the input tokens of a call that was answered.
"""

import json
import sys
from pathlib import Path

from tests.engine_contract.engines import EngineUnderTest
from tests.inference.prompts import input_tokens, prompts


def main(socket: str) -> None:
    engine = EngineUnderTest(socket=Path(socket), key="engine-key", model="counting")
    counts = {}
    for prompt in prompts():
        answer = engine.post(prompt.path, prompt.call(engine.model))
        answer.raise_for_status()
        counts[prompt.name] = input_tokens(answer.json())
    path = Path(__file__).with_name("counts.json")
    path.write_text(json.dumps(counts, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
