"""What the limiter did; `observe` makes metrics of it."""


class LimitCounts:
    """What the limiter did, and whether its Valkey answers."""

    __slots__ = (
        "by_recent_refusal", "by_share", "by_slice", "by_valkey", "is_up",
        "money_unknown", "outages", "unavailable",
    )  # fmt: skip

    def __init__(self) -> None:
        self.is_up = False
        self.outages = 0
        self.by_slice = self.by_valkey = self.by_share = self.by_recent_refusal = 0
        self.unavailable = self.money_unknown = 0
