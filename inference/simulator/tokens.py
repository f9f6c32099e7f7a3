"""The simulator's own tokenizer: reversible, injective, made by rule and not by file.

Tokens are the 256 bytes, pairs of printable characters, three small letters, and a
space followed by two or three small letters: about three characters a token. Special
tokens have the ids that SmolLM2 gives them. No token but the single byte ends in a
space, so that the tokens of "a" and of " b" joined are the tokens of "a b": the next
turn of a conversation finds the blocks of the last one.
"""

import re
from itertools import product
from string import ascii_lowercase, printable

END_OF_TEXT = 0
START_OF_MESSAGE = 1
END_OF_MESSAGE = 2
VOCABULARY_SIZE = 49_152

_SPECIAL = (b"<|endoftext|>", b"<|im_start|>", b"<|im_end|>")
_SPLIT = re.compile(rb" ?[a-z]{3}| [a-z]{2}|[ -~][!-~]|[\x00-\xff]")


def _pieces() -> list[bytes]:
    letters = [letter.encode() for letter in ascii_lowercase]
    visible = [c.encode() for c in printable if c.isprintable() and c != " "]
    threes = [b"".join(three) for three in product(letters, repeat=3)]
    twos = [b"".join(two) for two in product(letters, repeat=2)]
    pairs = [first + last for first, last in product([b" ", *visible], visible)]
    spaced = [b" " + word for word in (*twos, *threes)]
    return [bytes([byte]) for byte in range(256)] + pairs + threes + spaced


_PIECE = [*_SPECIAL, *_pieces()]
KNOWN_TOKENS = len(_PIECE)
"""Ids from here up to VOCABULARY_SIZE stand for nothing."""
_ID = {piece: token for token, piece in enumerate(_PIECE) if token >= len(_SPECIAL)}


def encode(text: str) -> list[int]:
    """Token ids of `text`; words that look like special tokens stay plain text."""
    return [_ID[piece] for piece in _SPLIT.findall(text.encode(errors="replace"))]


def piece(token: int) -> bytes:
    """What `token` adds to the text: nothing for special and for unused ids."""
    if len(_SPECIAL) <= token < len(_PIECE):
        return _PIECE[token]
    return b""


def decode(tokens: list[int]) -> str:
    return b"".join(map(piece, tokens)).decode(errors="replace")
