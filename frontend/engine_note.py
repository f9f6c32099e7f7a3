"""Whether a call made now would be answered; pages that invite to one say so."""

from typing import Any

from django.conf import settings

from frontend.progress import read_progress
from inference.models import Engine, EngineState


def engine_note() -> dict[str, Any]:
    """The variables of `frontend/engine_note.html`."""
    ready = Engine.objects.filter(state=EngineState.READY, is_draining=False)
    return {
        "answers": ready.exists(),
        "progress": read_progress(settings.ENGINE_PROGRESS_FILE),
    }
