"""Who the three tenants of the demo are, and how busy each is at which hour."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tenants.domain.roles import Role

_HOLIDAYS = 8
"""August, when offices are half empty."""
_SATURDAY = 5
_OFFICE, _AWAKE, _OFFICE_IN_EUROPE = range(7, 19), range(9, 23), range(6, 17)


@dataclass(frozen=True, kw_only=True)
class KeyPlan:
    """A key, and in which month of the story it is made, from 0."""

    name: str
    project: str
    month: int = 0
    days: int | None = None
    """How long it works before it is revoked; None: it still does."""
    share: int = 1
    """Of the tenant's calls, in proportion to the other keys."""


@dataclass(frozen=True, kw_only=True)
class Character:
    name: str
    slug: str
    currency: str
    plan: str
    """Code."""
    busy: Callable[[float, datetime], float]
    """Calls in an hour, by how much of the story is over (0 to 1)."""
    keys: tuple[KeyPlan, ...]
    roles: tuple[Role, ...]
    """Of the members besides the owner, who join in the first months."""
    input_tokens: int
    """Of a usual call."""
    output_tokens: int
    cached_share: float
    models: tuple[int, ...]
    """Weights of the two models."""
    country: str
    city: str
    address: str
    postcode: str

    @property
    def projects(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(key.project for key in self.keys))

    def address_of(self, role: str) -> str:
        return f"{role}@{self.slug}.example"


def _steady(progress: float, at: datetime) -> float:
    """An office: the same every week, and a little more every month."""
    is_open = at.weekday() < _SATURDAY and at.hour in _OFFICE
    return (9.0 if is_open else 0.02) * (1 + 0.6 * progress)


def _spiky(progress: float, at: datetime) -> float:
    """An app: nearly nobody at first, and crowds whenever somebody writes of it."""
    crowd = 9.0 if at.toordinal() % 37 in {0, 1, 2} else 1.0
    awake = 1.0 if at.hour in _AWAKE else 0.1
    return crowd * awake * (0.3 + 2.4 * progress**2)


def _office_in_europe(progress: float, at: datetime) -> float:
    is_open = at.weekday() < _SATURDAY and at.hour in _OFFICE_IN_EUROPE
    season = 0.5 if at.month == _HOLIDAYS else 1.0
    return (6.0 if is_open else 0.02) * season * (1 + 0.3 * progress)


STEADY = Character(
    name="Meadowlark Logistics (Demo)",
    slug="demo-meadowlark",
    currency="USD",
    plan="demo_business",
    busy=_steady,
    keys=(
        KeyPlan(name="Production", project="Freight papers", share=6),
        KeyPlan(name="Staging", project="Freight papers", month=1),
        KeyPlan(name="Help desk", project="Help desk", month=2, share=3),
        KeyPlan(name="Nightly batch", project="Freight papers", month=4, share=2),
        KeyPlan(name="Old importer", project="Freight papers", days=140),
    ),
    roles=(Role.ADMIN, Role.DEVELOPER, Role.BILLING, Role.VIEWER),
    input_tokens=42_000,
    output_tokens=900,
    cached_share=0.55,
    models=(3, 1),
    country="US",
    city="Portland",
    address="1 Example Street",
    postcode="97201",
)
SPIKY = Character(
    name="Rocketbean (Demo)",
    slug="demo-rocketbean",
    currency="USD",
    plan="demo_prepaid",
    busy=_spiky,
    keys=(
        KeyPlan(name="App", project="Default", share=9),
        KeyPlan(name="Laptop", project="Default", days=60),
        KeyPlan(name="Experiments", project="Experiments", month=3, share=2),
    ),
    roles=(Role.DEVELOPER,),
    input_tokens=34_000,
    output_tokens=700,
    cached_share=0.3,
    models=(2, 3),
    country="US",
    city="Austin",
    address="2 Example Street",
    postcode="73301",
)
EUROPEAN = Character(
    name="Brunnenhof Software (Demo)",
    slug="demo-brunnenhof",
    currency="EUR",
    plan="demo_flex_eur",
    busy=_office_in_europe,
    keys=(
        KeyPlan(name="Assistant", project="Assistant", share=5),
        KeyPlan(name="Code review", project="Code review", month=1, share=3),
        KeyPlan(name="Trial of spring", project="Code review", days=45),
    ),
    roles=(Role.ADMIN, Role.DEVELOPER, Role.DEVELOPER, Role.BILLING),
    input_tokens=50_000,
    output_tokens=1_100,
    cached_share=0.4,
    models=(3, 1),
    country="DE",
    city="Leipzig",
    address="Beispielweg 3",
    postcode="04109",
)
CHARACTERS = (STEADY, SPIKY, EUROPEAN)
