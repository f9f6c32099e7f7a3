"""Who reads the documentation: what its samples are filled with."""

from dataclasses import dataclass

from django.conf import settings

from frontend.access import Access
from inference.models import ServedModel
from inference.wire import Task
from tenants.models import ApiKey

_NO_KEY = "YOUR_API_KEY"
_NO_MODEL = {
    Task.GENERATE: "a-model",
    Task.EMBED: "an-embedding-model",
    Task.IMAGE: "an-image-model",
}


@dataclass(frozen=True, kw_only=True)
class Reader:
    key: str
    """The begin of the reader's own key, since the rest is kept nowhere; or a word."""
    models: dict[Task, str]
    """One that does each."""

    def fill(self, text: str) -> str:
        """The text with this installation's addresses, models and the reader's key."""
        origin = settings.API_URL
        for name, value in (
            ("@BASE@", f"{origin}/v1"),
            ("@ORIGIN@", origin),
            ("@KEY@", self.key),
            ("@MODEL@", self.models[Task.GENERATE]),
            ("@EMBED@", self.models[Task.EMBED]),
            ("@IMAGE@", self.models[Task.IMAGE]),
            # What the documents of the repository write.
            ("https://tokens.example", origin),
            ("http://127.0.0.1:8000", origin),
            ("https://portal.example", settings.PORTAL_URL),
            ("tf_live_…", self.key),
        ):
            text = text.replace(name, value)
        return text


def read_reader(access: Access | None) -> Reader:
    there = ServedModel.objects.order_by("is_default", "-name")
    models = dict(there.values_list("task", "name"))
    return Reader(
        key=_own_key(access) or _NO_KEY,
        models=_NO_MODEL | {Task(task): name for task, name in models.items()},
    )


def anybody() -> Reader:
    return read_reader(None)


def _own_key(access: Access | None) -> str:
    """That of the newest key that works."""
    if access is None:
        return ""
    newest = (
        ApiKey.objects.filter(
            tenant=access.tenant, revoked_at=None, is_of_playground=False
        )
        .order_by("-pk")
        .first()
    )
    return f"{newest.prefix}…" if newest else ""
