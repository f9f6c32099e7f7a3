"""Cached prompts as the control plane makes and publishes them."""

import time
import uuid

import msgspec

from inference.domain import warm_order
from inference.domain.lease_terms import LeaseClass, PreviousLease, Tier
from inference.domain.prompt_digest import prompt_digest
from inference.domain.warm_order import WarmOrder
from inference.wire import CACHED_PROMPTS, CachedPromptEntry, Placement, content_key
from tenants.domain import api_keys
from tests.metering.proxy.conftest import MODEL, SNAPSHOT_KEY

WARM_KEY = warm_order.derive_key(SNAPSHOT_KEY.encode())
MESSAGES = [{"role": "system", "content": "You are a careful clerk. " * 80}]


def now_ms():
    return time.time_ns() // 1_000_000


class Prompt:
    """One cached prompt and what is known of it."""

    def __init__(self, plane, *, secret=None, messages=MESSAGES, tools=None):
        self.plane = plane
        self.secret = secret or plane.secret
        self.messages, self.tools = messages, tools
        self.prompt_id = uuid.uuid4().hex
        self.name = f"manual {self.prompt_id[:6]}"
        self.token_count = 0
        self.placements = {}

    def order(self, **changes):
        values = {
            "cached_prompt_id": self.prompt_id,
            "key_digest": api_keys.digest(self.secret).hex(),
            "engine_id": 1,
            "lease_class": LeaseClass.ELASTIC,
            "tier": Tier.HBM,
            "ttl_ms": 60_000,
            "is_at_our_cost": False,
            "issued_at_ms": now_ms(),
        }
        return WarmOrder(**values | changes)

    def body(self, **fields):
        body = {"model": "default", "messages": self.messages, "max_tokens": 1}
        if self.tools:
            body["tools"] = self.tools
        return body | fields

    def post(self, order, *, path="/v1/chat/completions", key=WARM_KEY, **fields):
        text = warm_order.sign(order, key=key)
        return self.plane.client.post(
            path,
            json=self.body(**fields),
            headers={"authorization": f"Bearer {text}"},
        )

    def warm(self, **changes):
        """Makes or renews it on one engine; the answer."""
        answer = self.post(self.order(**changes))
        assert answer.status_code == 200, answer.text
        found = answer.json()
        lease = found["kv_lease"]
        self.token_count = found["usage"]["prompt_tokens"]
        warm = lease["warm"]
        self.placements[warm["engine_id"]] = Placement(
            engine_id=warm["engine_id"],
            lease_id=lease["id"].removeprefix("kvl_"),
            retained_tokens=lease["tokens"],
            last_hash=warm["last_hash"],
        )
        return found

    def previous(self, engine_id=1):
        held = self.placements[engine_id]
        return PreviousLease(
            lease_id=held.lease_id,
            tokens=held.retained_tokens,
            last_hash=held.last_hash,
        )

    def entry(self, **changes):
        values = {
            "cached_prompt_id": self.prompt_id,
            "tenant_id": 1,
            "project_id": 11,
            "name": self.name,
            "model": MODEL,
            "token_count": self.token_count,
            "messages": len(self.messages),
            "digest": prompt_digest(self.messages, self.tools),
            "expires_at_ms": now_ms() + 3_600_000,
            "placements": tuple(self.placements.values()),
        }
        return CachedPromptEntry(**values | changes)

    def publish(self, **changes):
        content = {"messages": self.messages, "tools": self.tools}
        key = content_key(tenant_id=1, cached_prompt_id=self.prompt_id)
        self.plane.valkey.set(key, msgspec.json.encode(content))
        self.plane.publish(CACHED_PROMPTS, [self.entry(**changes)])

    def publish_and_wait(self):
        """Who has found the name has the whole snapshot."""
        self.publish()
        assert self.call(max_tokens=1).status_code == 200

    def call(self, says="What is the time?", *, secret=None, headers=None, **fields):
        """With the new messages only, by name."""
        body = {
            "model": "default",
            "messages": [{"role": "user", "content": says}],
            "max_tokens": 8,
            "cached_prompt": self.name,
        }
        return self.plane.client.post(
            "/v1/chat/completions",
            json=body | fields,
            headers={
                "authorization": f"Bearer {secret or self.secret}",
                **(headers or {}),
            },
        )
