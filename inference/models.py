"""What runs: the models we serve and the engines that answer for them."""

from django.db import models
from django.db.models import Q

from inference.wire import Task


class ServedModel(models.Model):
    """A model in the catalogue, under its public name."""

    name = models.CharField(max_length=100, unique=True)
    """What callers write as `model`; also the name the engine serves it under."""
    title = models.CharField(max_length=100)
    context_tokens = models.PositiveIntegerField()
    """Longest prompt plus answer."""
    is_default = models.BooleanField(default=False)
    """Reachable as `model: "default"` too."""
    task = models.CharField(
        max_length=16,
        choices=[(task.value, task.value) for task in Task],
        default=Task.GENERATE.value,
    )
    """What it does; decides which endpoints it offers."""
    tokenizer_folder = models.CharField(max_length=500, null=True, blank=True)  # noqa: DJ001  null is no folder
    """Where `tokenizer.json` and the chat template lie on the proxies' machine. Null:
    the engine's own `/tokenize` is asked."""
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(task__in=[task.value for task in Task]),
                name="served_model_task_known",
            ),
            models.CheckConstraint(
                condition=~Q(tokenizer_folder=""), name="served_model_folder_not_empty"
            ),
            models.UniqueConstraint(
                fields=["is_default"],
                condition=Q(is_default=True),
                name="one_default_served_model",
            ),
        ]


class EngineState(models.TextChoices):
    STARTING = "starting"
    READY = "ready"
    UNREACHABLE = "unreachable"


class Engine(models.Model):
    """One vLLM server, or the simulator, that the proxy routes to."""

    name = models.SlugField(max_length=100, unique=True)
    served_model = models.ForeignKey(
        ServedModel, models.PROTECT, related_name="engines"
    )
    address = models.CharField(max_length=255, unique=True)
    """`unix:/path/to.sock` or `http://host:port`."""
    is_simulator = models.BooleanField(default=False)
    is_draining = models.BooleanField(default=False)
    """True: it finishes what it has and is given no new work."""
    state = models.CharField(
        max_length=16, choices=EngineState, default=EngineState.STARTING
    )
    checked_at = models.DateTimeField(null=True, blank=True)
    """The last health check; null: none yet."""
    ready_at = models.DateTimeField(null=True, blank=True)
    """The last health check that it passed; null: none yet."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=EngineState.values), name="engine_state_known"
            )
        ]
