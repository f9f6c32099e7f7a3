import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from tests.inference.cached_prompt_place import Place, open_place

RATES = {
    "new_input_nanos_per_million": 100_000_000,
    "cached_input_nanos_per_million": 20_000_000,
    "output_nanos_per_million": 400_000_000,
    "hbm_mb_s_nanos_per_million": 13_500_000,
    "host_mb_s_nanos_per_million": 200_000,
}


@dataclass
class Api:
    """As a client of one project's key, through the control plane's own port."""

    client: Client
    place: Place
    secret: str

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        return self.client.generic(
            method,
            f"/v1/{path}",
            "" if body is None else text,
            content_type="application/json",
            headers={"authorization": f"Bearer {self.secret}"},
        )

    def create(self, **changes: Any) -> Any:
        messages = [{"role": "system", "content": "Answer in one word. " * 30}]
        given = {"name": "instructions", "model": "default", "messages": messages}
        return self.ask("POST", "cached_prompts", given | changes)


def set_price(place: Place, **changes: Any) -> PriceVersion:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return PriceVersion.objects.create(
        price_book=PriceBook.objects.list_book(),
        served_model=place.model,
        effective_from=at,
        created_at=at,
        **RATES | changes,
    )


@pytest.fixture
def place(transactional_db, valkey, settings, tmp_path):
    """Without an engine or a price at first."""
    del transactional_db, valkey
    with open_place(tmp_path, settings) as opened:
        yield opened


@pytest.fixture
def api(place, client):
    """With one engine and the default prices."""
    place.add_engine()
    set_price(place)
    return Api(client, place, place.secret)
