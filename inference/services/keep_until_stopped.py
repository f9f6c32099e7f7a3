"""Cached prompts are kept by the process that hears first of an engine's restart."""

import logging
import threading

from django.db import Error, connection
from django.utils import timezone

from inference.services.keep_cached_prompts import keep_cached_prompts

KEEP_SECONDS = 1.0

_logger = logging.getLogger(__name__)


def keep_until_stopped(stop: threading.Event) -> threading.Thread:
    """The thread, started. Nobody waits for its end: what it was about to warm is
    anybody's again a minute later.
    """
    thread = threading.Thread(target=_keep, args=(stop,), name="keep", daemon=True)
    thread.start()
    return thread


def _keep(stop: threading.Event) -> None:
    said = ""
    while not stop.wait(KEEP_SECONDS):
        try:
            keep_cached_prompts(now=timezone.now())
            said = ""
        except Error as error:
            connection.close()
            if repr(error) != said:
                said = repr(error)
                _logger.warning("cached prompts cannot be looked at: %s", said)
        except Exception:
            # A fault in one prompt must not end the keeping of all the others.
            _logger.exception("cached prompts")
