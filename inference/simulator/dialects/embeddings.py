"""`/v1/embeddings` as vLLM's pooling runner answers it. The vectors follow from the
tokens alone and mean nothing; what was cached shows in the counters and not in usage.
"""

import base64
import hashlib
import math
from array import array
from http import HTTPStatus
from time import time
from typing import Any

import msgspec

from inference.simulator import errors
from inference.simulator.answers import ENGINE_DIED
from inference.simulator.calls import Call, chat_prompt, prompts_of
from inference.simulator.checks import check_salt
from inference.simulator.errors import Refusal
from inference.simulator.replies import Reply
from inference.simulator.requests import EmbeddingBody, decode
from inference.simulator.sequences import Sequence
from inference.simulator.settings import Settings

DIMENSIONS = 576
"""Those of the default model, and the most that can be asked for."""
_BODY = msgspec.json.Decoder(EmbeddingBody, strict=False)
_NO_REPLY = Reply(token_ids=[], text="", shown=[0], finish_reason="stop")


class EmbeddingDialect:
    def __init__(self, call: Call, body: EmbeddingBody) -> None:
        self.call = call
        self._body = body

    @property
    def sequences(self) -> list[Sequence]:
        return self.call.sequences

    def whole(self, last: Sequence) -> bytes:  # noqa: ARG002 - nobody's cache is told
        count = sum(map(len, self.call.prompts))
        size = self._body.dimensions or DIMENSIONS
        return msgspec.json.encode(
            {
                "id": self.call.id,
                "object": "list",
                "created": self.call.created_at,
                "model": self.call.model,
                "data": [
                    {"index": index, "object": "embedding"}
                    | {"embedding": _written(vector(prompt, size), self._body)}
                    for index, prompt in enumerate(self.call.prompts)
                ],
                "usage": {
                    "prompt_tokens": count,
                    "total_tokens": count,
                    "completion_tokens": 0,
                    "prompt_tokens_details": None,
                    "completion_tokens_details": None,
                },
            }
        )

    def whole_without_usage(self, body: bytes) -> bytes:
        return msgspec.json.encode(msgspec.json.decode(body) | {"usage": None})

    def death(self) -> bytes:
        return errors.engine_failed(ENGINE_DIED).body


def plan_embedding(
    raw: bytes, *, request_id: str, settings: Settings
) -> EmbeddingDialect:
    """Raises Refusal."""
    body = decode(raw, _BODY)
    if body.model and body.model != settings.model:
        raise Refusal(
            f"The model `{body.model}` does not exist.",
            kind="NotFoundError",
            status=HTTPStatus.NOT_FOUND,
        )
    check_salt(body.cache_salt)
    if body.dimensions is not None and not 0 < body.dimensions <= DIMENSIONS:
        raise Refusal(f"dimensions must be in [1, {DIMENSIONS}].")
    prompts = _prompts(body, settings.context_tokens)
    call = Call(
        kind="embedding",
        id=f"embd-{request_id}",
        model=settings.model,
        created_at=int(time()),
        is_streamed=False,
        prompts=prompts,
        sequences=[
            Sequence(
                index=index, prompt=prompt, salt=body.cache_salt or "", reply=_NO_REPLY
            )
            for index, prompt in enumerate(prompts)
        ],
        echoes=[],
    )
    return EmbeddingDialect(call, body)


def vector(prompt: list[int], size: int) -> "array[float]":
    """`size` numbers of length one, the same for the same tokens."""
    digest = hashlib.shake_256(array("I", prompt).tobytes()).digest(4 * size)
    raw = [number / 2**31 - 1 for number in array("I", digest)]
    length = math.sqrt(sum(number * number for number in raw)) or 1.0
    return array("f", (number / length for number in raw))


def _written(found: "array[float]", body: EmbeddingBody) -> Any:
    if body.encoding_format == "base64":
        return base64.b64encode(found.tobytes()).decode()
    return found.tolist()


def _prompts(body: EmbeddingBody, context_tokens: int) -> list[list[int]]:
    if body.messages:
        prompts = [chat_prompt(body.messages)]
    elif body.input is None:
        raise errors.invalid_body("Field required", "body.input")
    elif body.input == "" or (isinstance(body.input, list) and "" in body.input):
        raise Refusal("The decoder prompt cannot be empty")
    else:
        prompts = prompts_of(body.input)
    if (kept := body.truncate_prompt_tokens) is not None:
        keeps = context_tokens if kept < 0 else kept
        prompts = [prompt[:keeps] for prompt in prompts]
    if max(map(len, prompts)) > context_tokens:
        raise errors.prompt_too_long(context_tokens)
    return prompts
