"""`/v1/images/generations` in OpenAI's shape. vLLM has no such endpoint: an image is a
sequence of one output token for each 32 by 32 pixels, and of one colour.
"""

import base64
import struct
import zlib
from array import array
from functools import lru_cache
from time import time

import msgspec

from inference.simulator import errors, tokens
from inference.simulator.answers import ENGINE_DIED
from inference.simulator.calls import Call, refuse_unserved_model
from inference.simulator.checks import check_salt
from inference.simulator.errors import Refusal
from inference.simulator.replies import Reply
from inference.simulator.requests import ImageBody, decode
from inference.simulator.sequences import Sequence
from inference.simulator.settings import Settings

IMAGES_MAX = 10
SIZES = {
    "256x256": (256, 256),
    "512x512": (512, 512),
    "1024x1024": (1024, 1024),
    "1024x1536": (1024, 1536),
    "1536x1024": (1536, 1024),
    "1024x1792": (1024, 1792),
    "1792x1024": (1792, 1024),
}
_DEFAULT_SIZE = "1024x1024"
_PATCH = 32
_BODY = msgspec.json.Decoder(ImageBody, strict=False)
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class ImageDialect:
    def __init__(self, call: Call, size: str) -> None:
        self.call = call
        self._size = size

    @property
    def sequences(self) -> list[Sequence]:
        return self.call.sequences

    def whole(self, last: Sequence) -> bytes:  # noqa: ARG002 - nobody's cache is told
        (prompt,) = self.call.prompts
        made = sum(sequence.made for sequence in self.call.sequences)
        dice = zlib.crc32(array("I", prompt).tobytes())
        return msgspec.json.encode(
            {
                "created": self.call.created_at,
                "background": "opaque",
                "data": [
                    {"b64_json": picture(self._size, dice + sequence.index)}
                    for sequence in self.call.sequences
                ],
                "output_format": "png",
                "quality": "medium",
                "size": self._size,
                "usage": {
                    "input_tokens": len(prompt),
                    "input_tokens_details": {
                        "image_tokens": 0,
                        "text_tokens": len(prompt),
                    },
                    "output_tokens": made,
                    "total_tokens": len(prompt) + made,
                },
            }
        )

    def whole_without_usage(self, body: bytes) -> bytes:
        answer = msgspec.json.decode(body)
        del answer["usage"]
        return msgspec.json.encode(answer)

    def death(self) -> bytes:
        return errors.engine_failed(ENGINE_DIED).body


def plan_image(raw: bytes, *, request_id: str, settings: Settings) -> ImageDialect:
    """Raises Refusal."""
    body = decode(raw, _BODY)
    refuse_unserved_model(body.model, settings)
    check_salt(body.cache_salt)
    size = _DEFAULT_SIZE if body.size in (None, "auto") else str(body.size)
    count = 1 if body.n is None else body.n
    _check(body, size, count)
    prompt = tokens.encode(body.prompt)
    width, height = SIZES[size]
    patches = width * height // _PATCH**2
    reply = Reply(
        token_ids=[tokens.END_OF_TEXT] * patches,
        text="",
        shown=[0] * (patches + 1),
        finish_reason="stop",
    )
    if len(prompt) + len(reply.token_ids) > settings.context_tokens:
        raise errors.prompt_too_long(settings.context_tokens - len(reply.token_ids))
    call = Call(
        kind="image",
        id=request_id,
        model=settings.model,
        created_at=int(time()),
        is_streamed=False,
        prompts=[prompt],
        sequences=[
            Sequence(
                index=index, prompt=prompt, salt=body.cache_salt or "", reply=reply
            )
            for index in range(count)
        ],
        echoes=[],
    )
    return ImageDialect(call, size)


def _check(body: ImageBody, size: str, count: int) -> None:
    if not body.prompt:
        raise Refusal("prompt must not be empty.", param="prompt")
    if size not in SIZES:
        raise errors.invalid_parameter(
            f"size must be one of {', '.join(SIZES)} or auto.", "size", size
        )
    if not 1 <= count <= IMAGES_MAX:
        raise errors.invalid_parameter(
            f"n must be in [1, {IMAGES_MAX}], got {count}.", "n", count
        )
    if body.stream:
        raise Refusal("Images are not streamed here.", param="stream")


@lru_cache(maxsize=256)
def picture(size: str, dice: int) -> str:
    """A PNG in base64: all its pixels have the colour that `dice` fell on."""
    width, height = SIZES[size]
    head = struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0)
    rows = (b"\x00" + bytes(width // 8)) * height
    colour = (dice & 0xFFFFFF).to_bytes(3)
    chunks = ((b"IHDR", head), (b"PLTE", colour), (b"IDAT", zlib.compress(rows, 9)))
    body = b"".join(_chunk(kind, data) for kind, data in (*chunks, (b"IEND", b"")))
    return base64.b64encode(_SIGNATURE + body).decode()


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check
