"""How a process that loops is asked to stop: between two acts, never within one."""

import signal

_SIGNALS = {signal.SIGTERM, signal.SIGINT}


def hold_stop_signals() -> None:
    """A blocked signal stays pending until asked for: it can break off no transaction.
    Threads started later inherit the mask.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def is_stopped_within(seconds: float) -> bool:
    """Waits for as long, unless the process is asked to stop; 0 only asks."""
    # sigtimedwait would take the signal away, and the next question would not see it.
    if signal.sigpending() & _SIGNALS:
        return True
    return signal.sigtimedwait(_SIGNALS, seconds) is not None if seconds else False
