"""How the input of one call is charged when a lease paid for its beginning."""

from typing import NamedTuple

BYTE_MS_PER_MB_S = 10**9
"""Of the unit that the time of leases is sold in: 10^6 bytes for a second."""


class InputSplit(NamedTuple):
    """Tokens. The first three together are the whole input."""

    new: int
    cached: int
    """Hits of the prefix cache beyond the lease."""
    leased: int
    """Paid for by the lease: charged neither as new nor as cached."""
    absorbed: int
    """The part of the leased ones that the engine computed again, at our cost."""


def split_input(
    *, input_tokens: int, cached_input_tokens: int, leased_input_tokens: int
) -> InputSplit:
    """`input_tokens` and `cached_input_tokens` are what the engine counted.

    A lease and a hit both begin with the first token, so of the two the longer covers
    the shorter. Not linear: split each event and add the parts, never the reverse.
    """
    leased = min(leased_input_tokens, input_tokens)
    cached = max(0, min(cached_input_tokens, input_tokens) - leased)
    return InputSplit(
        new=input_tokens - leased - cached,
        cached=cached,
        leased=leased,
        absorbed=max(0, leased - cached_input_tokens),
    )
