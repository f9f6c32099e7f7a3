"""Engines with a small pool of KV blocks, and a caller who leases some of them.

The model has a real tokenizer and random weights: what is cached does not depend on
what is said, and a flood takes seconds.
"""

import contextlib
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from inference.domain.block_hash import block_hashes
from inference.domain.lease_terms import (
    LeaseTerms,
    PreviousLease,
    derive_key,
    sign,
)
from inference.engine.convert import converted_model
from inference.engine.settings import read_settings
from tests.engine_contract.engines import EngineUnderTest, run_simulator
from tests.engine_contract.vllm_fixture import environment, require_vllm, run_vllm

BLOCK = 32
BLOCKS = 64
CONTEXT = 512
ENGINE_ID = "engine-under-test"
LONG_MS = 600_000
"""Longer than a test takes on the slowest machine."""
TINY = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "vocab_size": 49152,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-5,
    "hidden_act": "silu",
    "tie_word_embeddings": True,
    "torch_dtype": "float32",
    "bos_token_id": 1,
    "eos_token_id": 2,
}
WINDOWED = TINY | {
    "architectures": ["MistralForCausalLM"],
    "model_type": "mistral",
    "sliding_window": 64,
}

Body = dict[str, Any]


def write_model(folder: Path, config: Body) -> Path:
    """A model without weights, beside the tokenizer of the default one."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    models = environment(folder)["ENGINE_MODELS"]
    ours = converted_model(read_settings({"ENGINE_MODELS": models}))
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (folder / name).symlink_to(ours / name)
    return folder


@contextlib.contextmanager
def run_tiny_vllm(
    folder: Path, config: Body, **variables: str
) -> Iterator[EngineUnderTest]:
    require_vllm()
    with run_vllm(
        MODEL=str(write_model(folder / "tiny", config)),
        SERVED_MODEL_NAME="smollm2-135m-instruct",
        ENGINE_ID=ENGINE_ID,
        ENGINE_CONTEXT_TOKENS=str(CONTEXT),
        # One block is vLLM's own.
        ENGINE_ARGUMENTS=f"--load-format dummy --num-gpu-blocks-override {BLOCKS + 1}",
        **variables,
    ) as engine:
        yield engine


@contextlib.contextmanager
def run_tiny_simulator(folder: Path, **variables: str) -> Iterator[EngineUnderTest]:
    folder.mkdir(parents=True, exist_ok=True)
    with run_simulator(
        folder,
        ENGINE_ID=ENGINE_ID,
        SIMULATOR_CONTEXT_TOKENS=str(CONTEXT),
        SIMULATOR_BLOCKS=str(BLOCKS),
        # A pace, so that an answer can be left in the middle.
        SIMULATOR_TOKENS_PER_SECOND="400",
        **variables,
    ) as engine:
        yield engine


@contextlib.contextmanager
def run_tiny(kind: str, folder: Path, **variables: str) -> Iterator[EngineUnderTest]:
    """`kind` is "simulator" or "vllm"."""
    started = (
        run_tiny_simulator(folder, **variables)
        if kind == "simulator"
        else run_tiny_vllm(folder, TINY, **variables)
    )
    with started as engine:
        yield engine


def some_tokens(count: int) -> list[int]:
    """That no prompt has begun with."""
    first = uuid.uuid4().int
    return [100 + (first >> shift) % 40_000 for shift in range(count)]


@dataclass
class Conversation:
    """Turns of one tenant about one thing, as a client that keeps the token ids."""

    engine: EngineUnderTest
    tenant_id: str = field(default_factory=lambda: f"tenant-{uuid.uuid4().hex[:8]}")
    tokens: list[int] = field(default_factory=lambda: some_tokens(300))
    lease_id: str = ""

    @property
    def salt(self) -> str:
        return f"salt-of-{self.tenant_id}"

    @property
    def hashes(self) -> list[str]:
        found = block_hashes(self.tokens, salt=self.salt, block_tokens=BLOCK)
        return [one.hex() for one in found]

    def previous(self, tokens_leased: int | None = None) -> PreviousLease:
        """As the proxy knows it: the last sampled token has no KV yet."""
        whole = (len(self.tokens) - 1) // BLOCK * BLOCK
        tokens = whole if tokens_leased is None else tokens_leased
        last_hash = self.hashes[tokens // BLOCK - 1]
        return PreviousLease(lease_id=self.lease_id, tokens=tokens, last_hash=last_hash)

    def terms(self, **fields: Any) -> LeaseTerms:
        given: dict[str, Any] = {
            "lease_id": f"kvl_{uuid.uuid4().hex}",
            "tenant_id": self.tenant_id,
            "engine_id": ENGINE_ID,
            "ttl_ms": LONG_MS,
            "grace_ms": 0,
            "value": 1,
            "issued_at_ms": time.time_ns() // 1_000_000,
        }
        return LeaseTerms(**given | fields)

    def signed(self, terms: LeaseTerms) -> str:
        return sign(terms, key=derive_key(self.engine.key))

    def turn(
        self,
        *,
        says: Sequence[int] = (),
        output: int = 17,
        leased: bool = True,
        **fields: Any,
    ) -> Body:
        """The lease of the answer; it becomes the one that the next turn continues."""
        if self.lease_id:
            fields = {"previous": self.previous()} | fields
        self.tokens += says
        terms = self.terms(**fields)
        answer = self.ask(output, lease=self.signed(terms) if leased else None)
        self.tokens += answer["choices"][0]["token_ids"]
        told: Body = (answer["kv_transfer_params"] or {}).get("lease", {})
        if told.get("fact") == "granted":
            self.lease_id = terms.lease_id
        return told | {"cached": cached(answer), "asked": terms.lease_id}

    def ask(self, output: int, *, lease: str | None = None, **fields: Any) -> Body:
        body = {
            "prompt": self.tokens,
            "max_tokens": output,
            "ignore_eos": True,
            "temperature": 0,
            "return_token_ids": True,
            "cache_salt": self.salt,
        }
        if lease is not None:
            body["kv_transfer_params"] = {"lease": lease}
        answer = self.engine.post("/v1/completions", body | fields)
        assert answer.status_code == 200, answer.text
        found: Body = answer.json()
        return found


def cached(answer: Body) -> int:
    tokens: int = answer["usage"]["prompt_tokens_details"]["cached_tokens"]
    return tokens


def flood(engine: EngineUnderTest, times: int = 8) -> None:
    """Foreign prompts, so many that they fill the pool that often."""
    for _ in range(times * BLOCKS * BLOCK // 400 + 1):
        Conversation(engine, tokens=some_tokens(400)).ask(1)


def crowd(engine: EngineUnderTest, count: int = 6, output: int = 100) -> Body:
    """Requests that run at once, since they come as one, and want more than is free."""
    prompts = [some_tokens(400) for _ in range(count)]
    answer = Conversation(engine).ask(output, prompt=prompts)
    assert len(answer["choices"]) == count
    return answer


@dataclass(frozen=True)
class Control:
    """The engine's routes about leases."""

    engine: EngineUnderTest

    def call(self, method: str, path: str, **query: Any) -> httpx.Response:
        with self.engine.client() as client:
            return client.request(method, f"/v1/tokenfab/{path}", params=query)

    def read(self, path: str, **query: Any) -> Body:
        answer = self.call("GET", path, **query)
        assert answer.status_code == 200, answer.text
        found: Body = answer.json()
        return found

    @property
    def status(self) -> Body:
        return self.read("lease_status")

    def leases(self) -> list[Body]:
        found: list[Body] = self.read("leases")["leases"]
        return found

    def release_all(self) -> None:
        for lease in self.leases():
            path = f"leases/{lease['lease_id']}"
            self.call("DELETE", path, tenant_id=lease["tenant_id"])

    def events(self, sequence: int, *, wait_seconds: float = 0) -> list[Body]:
        found: list[Body] = self.read(
            "lease_events", sequence=sequence, wait_seconds=wait_seconds
        )["receipts"]
        return found

    def wait_for(self, fact: str, lease_id: str, *, after: int) -> Body:
        """The receipt, waiting as the proxy does."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for receipt in self.events(after, wait_seconds=5):
                after = receipt["sequence"]
                if (receipt["fact"], receipt["lease_id"]) == (fact, lease_id):
                    return receipt
        raise AssertionError(f"no receipt {fact} for {lease_id}")

    def wait_for_end_of_turn(self, lease_id: str, *, after: int) -> Body:
        """The receipt that tells what became of the lease that it asked for."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for receipt in self.events(after, wait_seconds=5):
                after = receipt["sequence"]
                is_end = receipt["fact"] in {"granted", "refused"}
                if is_end and receipt["lease_id"] == lease_id:
                    return receipt
        raise AssertionError(f"no receipt for the turn of {lease_id}")
