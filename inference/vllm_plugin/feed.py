"""Whoever waits in the engine core for the next receipt."""

from concurrent.futures import Future

from inference.domain.lease_feed import LeaseFeed


class ReceiptWaiters:
    """vLLM's engine core sends the answer of a future when it is done. So nobody has to
    ask again and again, and no step of the engine waits for anybody.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, Future[int]]] = []

    def next_after(self, sequence: int, feed: LeaseFeed) -> Future[int]:
        """Done, with the last number, once there is a receipt after `sequence`."""
        waiter: Future[int] = Future()
        self._waiting.append((sequence, waiter))
        self.wake(feed)
        return waiter

    def wake(self, feed: LeaseFeed) -> None:
        """At the end of a step, so that one answer brings all of its receipts."""
        last = feed.last_sequence
        if not self._waiting or last <= min(sequence for sequence, _ in self._waiting):
            return
        waiting, self._waiting = self._waiting, []
        for sequence, waiter in waiting:
            if last > sequence:
                waiter.set_result(last)
            else:
                self._waiting.append((sequence, waiter))
