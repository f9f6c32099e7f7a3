"""`manage.py register_engine`: an engine beside those of the default model."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from inference.errors import InferenceError
from inference.services.publish_routes import publish_routes
from inference.services.register_further_engine import register_further_engine
from inference.wire import Task


class Command(BaseCommand):
    help = (
        "Registers an engine, and its model if that is new: one for embeddings, say. "
        "It stays over restarts. Running it again changes what is given."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", help="unix:/path or http://host:port")
        parser.add_argument("--model", required=True, help="public name of the model")
        parser.add_argument(
            "--task",
            type=Task,
            choices=list(Task),
            help="what the model does; needed for a new one",
        )
        parser.add_argument(
            "--context-tokens",
            type=int,
            help="longest prompt plus answer; needed for a new model",
        )
        parser.add_argument("--title", default="", help="(default: the model's name)")
        parser.add_argument("--name", default="", help="(default: from the address)")
        parser.add_argument(
            "--tokenizer-folder",
            help="where tokenizer.json and the chat template lie for the proxies",
        )
        parser.add_argument(
            "--simulator", action="store_true", help="the engine is simulated"
        )

    def handle(self, **options: Any) -> None:
        try:
            engine = register_further_engine(
                address=options["address"],
                model_name=options["model"],
                task=options["task"],
                context_tokens=options["context_tokens"],
                title=options["title"],
                tokenizer_folder=options["tokenizer_folder"],
                engine_name=options["name"],
                is_simulator=options["simulator"],
                now=timezone.now(),
            )
        except InferenceError as error:
            raise CommandError(str(error)) from error
        publish_routes()  # the service only logs a failure
        self.stdout.write(
            f"{options['model']} is served by {engine.address} (engine {engine.name}); "
            "it can be called once it has a price (manage.py set_price)"
        )
