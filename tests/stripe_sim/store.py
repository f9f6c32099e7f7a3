"""What the simulated Stripe remembers, and what it tells its endpoints of it."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.stripe_sim.cards import CARDS, Behaviour
from tests.stripe_sim.objects import CLASSES, PREFIXES, Resource, example, make
from tests.stripe_sim.refusals import invalid, missing

API_VERSION = "2026-10-28.endive"


@dataclass
class Clock:
    """Seconds since the epoch; stands still until somebody moves it."""

    now: int

    def advance(self, seconds: int) -> None:
        self.now += seconds


@dataclass
class Store:
    clock: Clock
    on_event: Callable[[Resource], None]
    """Called with each event, once what it tells of is done."""
    objects: dict[str, Resource] = field(default_factory=dict)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    """By payment method."""
    attached: dict[str, list[str]] = field(default_factory=dict)
    """Payment intents by the invoice that they pay."""
    promised: dict[str, Resource] = field(default_factory=dict)
    """What a checkout session will charge, by its id."""
    _numbers: Any = field(default_factory=lambda: count(1))

    def add(self, kind: str, **fields: Any) -> Resource:
        number = next(self._numbers)
        object_id = f"{PREFIXES[kind]}_sim{number:06d}"
        if "created" in CLASSES[kind].__annotations__:
            fields.setdefault("created", self.clock.now)
        made = make(kind, id=object_id, **fields)
        self.objects[object_id] = made
        return made

    def get(self, kind: str, object_id: str) -> Resource:
        found = self.objects.get(object_id)
        if found is None or found["object"] != kind:
            raise missing(kind, object_id)
        return found

    def all_of(self, kind: str) -> list[Resource]:
        """Newest first, as Stripe lists."""
        found = [one for one in self.objects.values() if one["object"] == kind]
        return found[::-1]

    def emit(self, event_type: str, subject: Resource) -> None:
        event = self.add(
            "event",
            type=event_type,
            api_version=API_VERSION,
            data={"object": copy.deepcopy(subject)},
            pending_webhooks=1,
            request={"id": None, "idempotency_key": None},
        )
        self.on_event(event)

    def payment_method(self, named: str) -> Resource:
        """The payment method of that id; a test's name makes a new one."""
        if named not in CARDS:
            return self.get("payment_method", named)
        behaviour = CARDS[named]
        made = self.add("payment_method", type="card", customer=None, metadata={})
        made["card"] = {
            **example("payment_method")["card"],
            "brand": behaviour.brand,
            "last4": behaviour.last4,
            "exp_year": behaviour.exp_year,
            "display_brand": behaviour.brand,
            "networks": {"available": [behaviour.brand], "preferred": None},
            "wallet": None,
            "generated_from": None,
            "three_d_secure_usage": {"supported": True},
        }
        made["billing_details"] = {
            **dict.fromkeys(("address", "email", "name", "phone", "tax_id")),
            "address": None,
        }
        self.behaviours[made["id"]] = behaviour
        return made


def attach(store: Store, method: Resource, customer_id: str) -> None:
    store.get("customer", customer_id)
    if method["customer"] == customer_id:
        return
    if method["customer"]:
        raise invalid("The payment method you provided has already been attached.")
    method["customer"] = customer_id
    store.emit("payment_method.attached", method)


def metadata_of(params: Resource) -> dict[str, str]:
    given = params.get("metadata") or {}
    return dict(given) if isinstance(given, dict) else {}


def required(params: Resource, name: str) -> Any:
    if params.get(name) in (None, ""):
        raise invalid(f"Missing required param: {name}.", param=name)
    return params[name]
