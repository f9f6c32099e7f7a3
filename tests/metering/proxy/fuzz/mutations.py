"""Small damages to bytes, and ways to cut them into pieces."""

import itertools
from random import Random

TOKENS = [
    b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"/",
    b"?", b"#", b"%00", b"..", b"\xff\xfe", b"\xc3\xa9", b"\xed\xa0\x80", b"{", b"}",
    b"[", b'"', b"\\u0000", b"\\ud800", b"null", b"-1", b"0", b"1e999", b"9" * 40,
    b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"GET ", b"HEAD ", b"content-length: 3\r\n",
    b"transfer-encoding: chunked\r\n", b"connection: close\r\n", b"0\r\n\r\n",
    b"data: [DONE]\n\n", b'"usage":null', b'"choices":[]', b"[" * 2000, b"x" * 3000,
]  # fmt: skip


def flip(data: bytes, dice: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        if changed:
            changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def cut(data: bytes, dice: Random) -> bytes:
    begin = dice.randint(0, len(data))
    return data[:begin] + data[dice.randint(begin, len(data)) :]


def cut_end(data: bytes, dice: Random) -> bytes:
    return data[: dice.randint(0, len(data))]


def duplicate(data: bytes, dice: Random) -> bytes:
    begin = dice.randint(0, len(data))
    end = dice.randint(begin, min(len(data), begin + 200))
    return data[:end] + data[begin:end] * dice.randint(1, 3) + data[end:]


def insert(data: bytes, dice: Random) -> bytes:
    at = dice.randint(0, len(data))
    new = dice.choice(TOKENS) if dice.random() < 0.8 else dice.randbytes(8)
    return data[:at] + new + data[at:]


def replace_digits(data: bytes, dice: Random) -> bytes:
    """Another number where one stands: lengths, counts, sizes."""
    places = [at for at, byte in enumerate(data) if 48 <= byte <= 57]
    if not places:
        return data
    at = dice.choice(places)
    number = dice.choice([b"", b"0", b"-1", b"1.5", b"9" * dice.choice([2, 19, 400])])
    return data[:at] + number + data[at + 1 :]


def damaged(data: bytes, dice: Random) -> bytes:
    ways = (flip, cut, cut_end, duplicate, insert, replace_digits)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        data = dice.choice(ways)(data, dice)
    return data


def spliced(one: bytes, other: bytes, dice: Random) -> bytes:
    return one[: dice.randint(0, len(one))] + other[dice.randint(0, len(other)) :]


def pieces(data: bytes, dice: Random) -> list[bytes]:
    """Mostly few; now and then single bytes."""
    if dice.random() < 0.05:
        return [data[at : at + 1] for at in range(min(len(data), 400))] + [data[400:]]
    count = dice.choice((0, 0, 1, 2, 5))
    cuts = sorted({0, len(data), *(dice.randint(0, len(data)) for _ in range(count))})
    return [data[begin:end] for begin, end in itertools.pairwise(cuts)]
