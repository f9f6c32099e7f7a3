"""The tenant's body in, the engine's body out: an allow-list, our salt, our options.

Values are carried as raw JSON slices: what the proxy does not need it neither parses
nor changes. Each key is written once, so that no second reading of a doubled key can
slip by the list.
"""

import msgspec
from msgspec import Raw

from inference.wire import CachedPromptEntry
from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.transform.cached_prompt_field import FIELD, read_prompt_name
from metering.proxy.transform.endpoint import PROMPT_FIELDS, Asked, Endpoint, OutputKind
from metering.proxy.transform.lease_fields import AskedLease, read_lease
from metering.proxy.transform.standing_lease import (
    AFFINITY,
    affinity_of,
    standing_lease,
)
from tenants.wire import KeyPolicy

# Accepted and left out. The first lines are the engine's own, never a tenant's to set:
# they reach other tenants' blocks, the scheduler, or code paths that cost us. The last
# ones are OpenAI's, without effect on an engine of ours, or the proxy's own.
_DROPPED = {
    "cache_salt", "kv_transfer_params", "ec_transfer_params", "vllm_xargs",
    "session_id", "request_id", "priority", "chat_template", "chat_template_kwargs",
    "mm_processor_kwargs", "media_io_kwargs", "mm_payload", "return_mm_kwargs",
    "use_beam_search", "routed_experts_prompt_start", "stream_interval", "documents",
    "return_prompt_text", "return_token_offsets", "prompt_logprobs",
    "logprob_token_ids", "watermarking", "prompt_embeds", "kv_transfer",
    "enable_response_messages", "previous_input_messages",
    "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
    "prompt_cache_options", "prompt_cache_retention", "verbosity", "moderation",
    "prediction", "best_of", "stream_options", "usage", "background", "truncation",
    "kv_retention", "kv_lease", "cache_control", "cached_prompt",
}  # fmt: skip
_GEMINI_NAMES = ("cached_content", "cachedContent")
_LOGIT_BIAS_BYTES_MAX = 8192
PREFIX_BYTES = 2048


class ParsedRequest(msgspec.Struct, kw_only=True):
    endpoint: Endpoint
    raw: dict[str, Raw]
    asked: Asked
    prompt_bytes: int
    """Of a cached prompt's own messages none."""
    lease: AskedLease | None = None
    leased_prefix: dict[str, Raw] | None = None
    """The prompt up to where it is to be leased; None: all of the turn is."""
    lease_refused: str = ""
    """Why the lease asked for cannot be; empty: nothing is known against it."""
    affinity: bytes = b""
    prompt_name: str = ""
    """Name or id of the cached prompt that the caller named."""
    prompt: CachedPromptEntry | None = None
    """In time, and what the messages begin with."""

    @property
    def reserved_tokens(self) -> int:
        """How many tokens the cached prompt has, which is paid for by itself."""
        return self.prompt.token_count if self.prompt is not None else 0

    @property
    def prefix(self) -> bytes:
        """Where the prompt begins: calls that share it best share an engine."""
        if self.affinity:
            return self.affinity
        for name in self.endpoint.prompt_fields:
            if name in self.raw:
                return bytes(memoryview(self.raw[name])[:PREFIX_BYTES])
        return b""


_decode_raw = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode
_RUNNING_USAGE = Raw(b'{"include_usage":true,"continuous_usage_stats":true}')


def parse(
    endpoint: Endpoint,
    body: bytes,
    *,
    retention_header: bytes | None = None,
    lease_header: bytes | None = None,
    policy: KeyPolicy | None = None,
) -> ParsedRequest:
    """Raises RefusedError with the field at fault."""
    try:
        body.decode()  # a raw slice would carry what is not UTF-8 to the engine
        raw = _decode_raw(body)
        if _GEMINI_NAMES[0] in raw or _GEMINI_NAMES[1] in raw:
            _rename_gemini(raw)
        asked = endpoint.read(body)
        lease = read_lease(
            raw, retention_header=retention_header, lease_header=lease_header
        )
        retention = policy.retention if policy is not None else None
        standing = standing_lease(raw, endpoint, asked, lease, retention)
        prompt_name = read_prompt_name(raw, endpoint, asked) if FIELD in raw else ""
    except msgspec.ValidationError as invalid:
        raise _invalid_field(str(invalid), body) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RefusedError(
            errors.INVALID_JSON, f"The body is not valid JSON: {error}."
        ) from None
    _refuse_unknown_fields(endpoint, raw)
    if lease is not None:
        _refuse_unleasable(endpoint, asked, lease)
    if not any(field in raw for field in endpoint.prompt_fields):
        raise _missing(" or ".join(endpoint.prompt_fields))
    if asked.is_streamed and endpoint.stream is None:
        raise RefusedError(
            errors.INVALID_VALUE, f"{endpoint.name} has no stream.", param="stream"
        )
    if len(raw.get("logit_bias", b"")) > _LOGIT_BIAS_BYTES_MAX:
        raise RefusedError(
            errors.INVALID_VALUE, "logit_bias has too many entries.", param="logit_bias"
        )
    parsed = ParsedRequest(
        endpoint=endpoint,
        raw=raw,
        asked=asked,
        prompt_bytes=prompt_bytes(raw),
        lease=lease,
    )
    if standing is not None:
        parsed.lease, parsed.leased_prefix, parsed.lease_refused = standing
    parsed.prompt_name = prompt_name
    return _with_affinity(parsed, policy) if AFFINITY in raw else parsed


def _with_affinity(parsed: ParsedRequest, policy: KeyPolicy | None) -> ParsedRequest:
    if policy is not None:
        parsed.affinity = affinity_of(parsed.raw, cache_salt=policy.cache_salt)
    return parsed


def rewrite(
    request: ParsedRequest,
    *,
    model: str,
    cache_salt: str,
    output_ceiling: int | None = None,
) -> bytes:
    """The body for the engine, which knows the model as `model`. `output_ceiling` is
    given where the money held covers so many tokens and the caller named no ceiling.
    """
    endpoint = request.endpoint
    body = {
        name: value for name, value in request.raw.items() if name in endpoint.fields
    }
    body["model"] = Raw(_encode(model))
    if endpoint.output is not OutputKind.COUNT:
        body["cache_salt"] = Raw(_encode(cache_salt))
    if (
        request.asked.is_streamed
        and endpoint.stream
        and endpoint.stream.has_running_usage
    ):
        body["stream_options"] = _RUNNING_USAGE
    if endpoint.ceiling_field is not None and output_ceiling is not None:
        body[endpoint.ceiling_field] = Raw(_encode(output_ceiling))
    return _encode(body)


def with_terms(body: bytes, terms: str) -> bytes:
    """The engine's body with signed lease terms (inference.domain.lease_terms)."""
    return b'%b,"kv_transfer_params":{"lease":%b}}' % (body[:-1], _encode(terms))


def _rename_gemini(raw: dict[str, Raw]) -> None:
    """Its names of a cached prompt. Raises RefusedError."""
    given = [name for name in (FIELD, *_GEMINI_NAMES) if name in raw]
    if len(given) > 1:
        raise RefusedError(
            errors.INVALID_VALUE,
            f"{given[0]} and {given[1]} are the same: send one of them.",
            param=given[1],
        )
    raw[FIELD] = raw.pop(given[0])


def _refuse_unleasable(endpoint: Endpoint, asked: Asked, lease: AskedLease) -> None:
    param = "kv_retention" if lease.ttl_ms else "kv_lease"
    if endpoint.output is not OutputKind.TOKENS:
        raise RefusedError(
            errors.INVALID_VALUE,
            f"{endpoint.name} has no conversation whose KV could be leased.",
            param=param,
        )
    if asked.samples > 1:
        raise RefusedError(
            errors.INVALID_VALUE,
            "A lease is of one conversation: send n=1, or leave the lease out.",
            param=param,
        )


def prompt_bytes(raw: dict[str, Raw]) -> int:
    return sum(len(raw[name]) for name in PROMPT_FIELDS if name in raw)


def _refuse_unknown_fields(endpoint: Endpoint, raw: dict[str, Raw]) -> None:
    for name in raw:
        if name not in endpoint.fields and name not in _DROPPED:
            raise RefusedError(
                errors.UNKNOWN_PARAMETER,
                f"Unrecognized request argument: {name[:100]}.",
                param=name[:100],
            )


def _missing(name: str) -> RefusedError:
    return RefusedError(
        errors.MISSING_PARAMETER, f"You must provide {name}.", param=name
    )


def _invalid_field(message: str, body: bytes) -> RefusedError:
    """Msgspec says e.g. "Expected `int`, got `str` - at `$.n`"."""
    if "missing required field `model`" in message:
        return _missing("model")
    what, _, path = message.partition(" - at ")
    param = path.strip("`").removeprefix("$").removeprefix(".") or None
    if param is None and not body.lstrip().startswith(b"{"):
        what = "The body must be a JSON object"
    return RefusedError(
        errors.INVALID_VALUE,
        f"Invalid value{f' for {param}' if param else ''}: {what}.",
        param=param,
    )
