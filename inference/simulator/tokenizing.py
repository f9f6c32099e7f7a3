"""`/tokenize` and `/detokenize`: what the prompt of a call would be."""

import msgspec

from inference.simulator import errors, tokens
from inference.simulator.calls import chat_prompt, refuse_unserved_model
from inference.simulator.requests import DetokenizeBody, TokenizeBody, decode
from inference.simulator.settings import Settings

_TOKENIZE = msgspec.json.Decoder(TokenizeBody, strict=False)
_DETOKENIZE = msgspec.json.Decoder(DetokenizeBody, strict=False)


def tokenized(raw: bytes, settings: Settings) -> bytes:
    """{"count", "max_model_len", "tokens", "token_strs"}; no prompt is too long for
    it. Tools add nothing, as with SmolLM2's own template. Raises Refusal.
    """
    body = decode(raw, _TOKENIZE)
    refuse_unserved_model(body.model, settings)
    if body.messages:
        found = chat_prompt(body.messages, opens_reply=body.add_generation_prompt)
    elif body.prompt is not None:
        found = tokens.encode(body.prompt)
    else:
        raise errors.invalid_body("Field required", "body.prompt")
    texts = [tokens.piece(token).decode(errors="replace") for token in found]
    return msgspec.json.encode(
        {
            "count": len(found),
            "max_model_len": settings.context_tokens,
            "tokens": found,
            "token_strs": texts if body.return_token_strs else None,
        }
    )


def detokenized(raw: bytes, settings: Settings) -> bytes:
    """{"prompt"}; ids that stand for nothing are left out. Raises Refusal."""
    body = decode(raw, _DETOKENIZE)
    refuse_unserved_model(body.model, settings)
    if any(token < 0 for token in body.tokens):
        raise errors.invalid_body(
            "Input should be greater than or equal to 0", "body.tokens.0"
        )
    return msgspec.json.encode({"prompt": tokens.decode(body.tokens)})
