"""A model's `tokenizer.json`: what it says, and whether tiktoken can say the same.

Every function raises NotConvertibleError, with the reason, for a file that it cannot
read or that asks for more than plain byte-level BPE behind one split.
"""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from inference.errors import NotConvertibleError

TOKENIZER_BYTES_MAX = 64 * 1024 * 1024
GPT2_SPLIT = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""What `ByteLevel` stands for in a tokenizer.json. `Digits`, before it, takes each
numeral out first: so none takes a space with it, and space before one stands alone.
"""
_SINGLE_DIGITS_SPLIT = GPT2_SPLIT.replace(r" ?\p{N}+", r"\p{N}").replace(
    r"|\s+(?!\S)", r"|\s+(?=\p{N})|\s+(?!\S)"
)
_T = TypeVar("_T")


class _AddedToken(msgspec.Struct):
    id: int
    content: str
    normalized: bool = False
    lstrip: bool = False
    rstrip: bool = False
    single_word: bool = False


class _Bpe(msgspec.Struct):
    vocab: msgspec.Raw
    merges: msgspec.Raw = msgspec.Raw(b"[]")
    type: str = "BPE"
    dropout: float | None = None
    unk_token: str | None = None
    continuing_subword_prefix: str | None = None
    end_of_word_suffix: str | None = None
    byte_fallback: bool = False


class _BpeKind(msgspec.Struct):
    type: str = "BPE"
    byte_fallback: bool = False


class _Parts(msgspec.Struct):
    model: _BpeKind
    added_tokens: list[_AddedToken] | None = None
    normalizer: Any = None
    pre_tokenizer: Any = None
    post_processor: Any = None


class _PartsWithModel(_Parts):
    model: _Bpe  # type: ignore[assignment]  # the same member, read as a whole


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """Ids that the engine puts around a text, such as a start token."""

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Outline:
    """What can be said of a tokenizer without its vocabulary."""

    is_byte_level: bool
    """A token is at least one byte of the text."""
    is_composed: bool
    """Texts get the normal form C first."""
    special: tuple[str, ...]
    frame: Frame


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizerFile:
    """A tokenizer that tiktoken can be."""

    split: str
    """Regex."""
    ranks: dict[bytes, int]
    """Id by bytes, special tokens apart."""
    special: dict[str, int]
    """Id by text."""
    is_composed: bool
    frame: Frame


def read_outline(folder: Path) -> Outline:
    parts = _read(folder, _Parts)
    special = _special_tokens(parts.added_tokens or [], changes=parts.normalizer)
    steps = [parts.pre_tokenizer]
    match parts.pre_tokenizer:
        case {"type": "Sequence", "pretokenizers": list(found)}:
            steps = found
    return Outline(
        is_byte_level=parts.model.type == "BPE"
        and not parts.model.byte_fallback
        and any(_is_byte_level(step) for step in steps),
        is_composed=_is_composed(parts.normalizer),
        special=tuple(special),
        frame=_frame(parts.post_processor, special),
    )


def read_tokenizer(folder: Path) -> TokenizerFile:
    parts = _read(folder, _PartsWithModel)
    model: _Bpe = parts.model
    _check_model(model)
    special = _special_tokens(parts.added_tokens or [], changes=parts.normalizer)
    ranks = _ranks(model.vocab, besides=special)
    if len(set(ranks.values()) | set(special.values())) < len(ranks) + len(special):
        raise NotConvertibleError("Two tokens have one id.")
    _check_merges(model.merges, ranks)
    return TokenizerFile(
        split=_split(parts.pre_tokenizer),
        ranks=ranks,
        special=special,
        is_composed=_is_composed(parts.normalizer),
        frame=_frame(parts.post_processor, special),
    )


def _is_byte_level(step: Any) -> bool:
    match step:
        case {"type": "ByteLevel", "add_prefix_space": False}:
            return True
    return False


def _read(folder: Path, kind: type[_T]) -> _T:
    path = folder / "tokenizer.json"
    try:
        if path.stat().st_size > TOKENIZER_BYTES_MAX:
            raise NotConvertibleError("tokenizer.json is too large.")
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NotConvertibleError(f"tokenizer.json: {error}") from None


def _check_model(model: _Bpe) -> None:
    if (
        model.type != "BPE"
        or model.byte_fallback
        or model.dropout
        or model.continuing_subword_prefix
        or model.end_of_word_suffix
        or model.unk_token
    ):
        raise NotConvertibleError("The tokenizer is not plain byte-level BPE.")


def _special_tokens(
    added: Iterable[_AddedToken], *, changes: Any = None
) -> dict[str, int]:
    """Id by text; found in a text before anything else happens to it, which the flag
    `normalized` would put after the normaliser.
    """
    special: dict[str, int] = {}
    for one in added:
        is_late = one.normalized and changes is not None
        if one.lstrip or one.rstrip or one.single_word or is_late:
            raise NotConvertibleError(f"{one.content!r} is no plain special token.")
        special[one.content] = one.id
    beginnings = {text[:end] for text in special for end in range(1, len(text))}
    if twofold := special.keys() & beginnings:
        raise NotConvertibleError(f"{min(twofold)!r} begins another special token.")
    return special


def _is_composed(normalizer: Any) -> bool:
    match normalizer:
        case None:
            return False
        case {"type": "NFC"}:
            return True
    raise NotConvertibleError("The tokenizer changes text before it splits it.")


def _split(pre_tokenizer: Any) -> str:
    """The one regex whose matches are merged each for itself."""
    match pre_tokenizer:
        case {"type": "Sequence", "pretokenizers": [one]}:
            return _split(one)
        case {"type": "ByteLevel", "add_prefix_space": False, **rest} if rest.get(
            "use_regex", True
        ):
            return GPT2_SPLIT
        case {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Digits", "individual_digits": True},
                {"type": "ByteLevel", "add_prefix_space": False, **rest},
            ],
        } if rest.get("use_regex", True):
            return _SINGLE_DIGITS_SPLIT
        case {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": str(regex)},
                    "behavior": "Isolated",
                    "invert": False,
                },
                {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
            ],
        }:
            return regex
    raise NotConvertibleError("The tokenizer splits text in more than one step.")


def _frame(processor: Any, special: Mapping[str, int]) -> Frame:
    match processor:
        case None | {"type": "ByteLevel"}:
            return Frame()
        case {"type": "Sequence", "processors": list(steps)}:
            frames = [one for step in steps if (one := _frame(step, special))]
            framing = [one for one in frames if one != Frame()]
            if len(framing) <= 1:
                return framing[0] if framing else Frame()
        case {"type": "TemplateProcessing", "single": list(items)}:
            names = [_framing_token(item) for item in items]
            if names.count(None) == 1 and special.keys() >= set(names) - {None}:
                place = names.index(None)
                ids = [special[name] if name is not None else -1 for name in names]
                return Frame(before=tuple(ids[:place]), after=tuple(ids[place + 1 :]))
    raise NotConvertibleError("The tokenizer adds tokens in an unknown way.")


def _framing_token(item: Any) -> str | None:
    """None stands for the text."""
    match item:
        case {"Sequence": {"id": "A"}}:
            return None
        case {"SpecialToken": {"id": str(name)}}:
            return name
    raise NotConvertibleError("The tokenizer adds tokens in an unknown way.")


def _alphabet() -> dict[int, int]:
    """Byte-level BPE writes each byte as one visible character: code point by byte."""
    visible = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = [byte for byte in range(256) if byte not in visible]
    return {byte: byte for byte in visible} | {
        byte: 256 + place for place, byte in enumerate(hidden)
    }


_BYTE_OF = {chr(written): byte for byte, written in _alphabet().items()}


def _bytes_of(token: str) -> bytes:
    return bytes([_BYTE_OF[character] for character in token])


def _ranks(vocabulary: msgspec.Raw, *, besides: Mapping[str, int]) -> dict[bytes, int]:
    words = msgspec.json.decode(vocabulary, type=dict[str, int])
    try:
        return {
            _bytes_of(word): rank for word, rank in words.items() if word not in besides
        }
    except KeyError as error:
        raise NotConvertibleError(f"{error} stands for no byte.") from None


def _check_merges(merges: msgspec.Raw, ranks: Mapping[bytes, int]) -> None:
    """Every token but the bytes is the result of a merge, and the ranks of the results
    never fall: then the pair that tiktoken merges first is the one listed first.
    """
    made: set[int] = set()
    last = -1
    for pair in msgspec.json.decode(merges, type=list[str | list[str]]):
        first, _, second = pair.partition(" ") if isinstance(pair, str) else _pair(pair)
        with contextlib.suppress(KeyError):
            rank = ranks[_bytes_of(first) + _bytes_of(second)]
            if rank >= last:
                made.add(rank)
                last = rank
                continue
        raise NotConvertibleError("The merges are not in the order of their results.")
    if len(made) + sum(len(token) == 1 for token in ranks) != len(ranks):
        raise NotConvertibleError("Some tokens are not the result of a merge.")


def _pair(pair: list[str]) -> tuple[str, str, str]:
    if len(pair) != 2:  # noqa: PLR2004
        raise NotConvertibleError("A merge is not of two.")
    return pair[0], "", pair[1]
