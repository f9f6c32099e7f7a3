"""One call: where its time went, what each part of it cost, what came of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from billing.domain.money import amount_nanos
from billing.domain.rating import Rates
from billing.models.prices import PriceVersion
from frontend.calls.newest_calls import Call, describe_calls, quantities_of
from frontend.lazy import lazy as _
from metering.domain.usage import Meter
from metering.models import UsageEvent
from metering.receipt_models import Receipt
from metering.wire import Outcome, UsageSource
from tenants.models import ApiKey, Project, Tenant

_LONGEST_CALL = timedelta(hours=2)
"""A call is stopped after an hour; the rest is for clocks that differ."""
_TITLES = {
    Meter.NEW_INPUT_TOKENS: _("New input"),
    Meter.CACHED_INPUT_TOKENS: _("Cached input"),
    Meter.OUTPUT_TOKENS: _("Output"),
    Meter.IMAGES: _("Images"),
}
PICTURE_WIDTH = 1_000
_SLIVER = 4
"""Of the picture: what took a moment is seen as well."""
_LATER = {
    Outcome.CLIENT_GONE: _(
        "The connection was closed before the end, and the engine was"
        " stopped. What it had made by then is charged. A longer time-out of the"
        " client, or a stream, lets the answer come to its end."
    ),
    Outcome.ENGINE_FAILED: _(
        "The engine broke off in the middle. What it had sent is"
        " charged. Send the call again; with an Idempotency-Key it is never charged"
        " twice."
    ),
    Outcome.UNBILLED: _(
        "No engine answered in time, or it failed before the answer"
        " began. Nothing is charged. Send the call again; if it fails again, name the"
        " request id to us."
    ),
}


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A part of the call's time."""

    title: str
    note: str
    start: datetime
    length: timedelta
    series: int
    """Its colour."""
    left: int
    """Of PICTURE_WIDTH."""
    width: int


@dataclass(frozen=True, kw_only=True)
class Part:
    title: str
    quantity: int
    rate_nanos_per_million: int | None
    """None: it has no price, or its price is not there."""
    amount_nanos: int | None


@dataclass(frozen=True, kw_only=True)
class CallPage:
    call: Call
    phases: list[Phase]
    parts: list[Part]
    version: PriceVersion | None
    api_key: ApiKey | None
    project: Project | None
    receipt: int | None
    """Its place in the tenant's chain; None: it has none yet, or never gets one."""

    @property
    def event(self) -> UsageEvent:
        return self.call.event

    @property
    def later(self) -> str:
        """What to do about it; empty: all went well."""
        return _LATER.get(Outcome(self.event.outcome), "")

    @property
    def is_estimate(self) -> bool:
        return self.event.usage_source == UsageSource.ESTIMATE

    @property
    def tokens_per_second(self) -> int | None:
        """Of the decode, rounded down; None: it is not known."""
        first = self.event.first_token_at
        if first is None or self.event.output_tokens <= 1:
            return None
        took = (self.event.happened_at - first) // timedelta(microseconds=1)
        return (self.event.output_tokens - 1) * 1_000_000 // took if took > 0 else None

    @property
    def lease_id(self) -> str:
        return _lease_name(self.event.lease_id)

    @property
    def previous_lease_id(self) -> str:
        return _lease_name(self.event.previous_lease_id)


def find_call(tenant: Tenant, event_id: UUID) -> CallPage | None:
    """None: it is not the tenant's, not there, or not stored yet."""
    event = _find_event(tenant, event_id)
    if event is None:
        return None
    (call,) = describe_calls(tenant, [event])
    versions = PriceVersion.objects.select_related("price_book")
    version = versions.filter(pk=event.price_version_id).first()
    keys = ApiKey.objects.filter(tenant=tenant).select_related("project")
    api_key = keys.filter(pk=event.api_key_id).first()
    receipts = Receipt.objects.of_tenant(tenant.pk).filter(
        happened_at=event.happened_at, event_id=event.event_id, interval_id=None
    )
    return CallPage(
        call=call,
        phases=phases_of(event),
        parts=_parts(event, version.rates if version else None),
        version=version,
        api_key=api_key,
        project=api_key.project if api_key else None,
        receipt=receipts.values_list("sequence", flat=True).first(),
    )


def _find_event(tenant: Tenant, event_id: UUID) -> UsageEvent | None:
    events = UsageEvent.objects.of_tenant(tenant.pk).filter(event_id=event_id)
    try:
        # Its first 48 bits are milliseconds: only the months around are searched.
        made_at = datetime.fromtimestamp((event_id.int >> 80) / 1000).astimezone()
    except (ValueError, OverflowError, OSError):
        return None
    return events.between(made_at - _LONGEST_CALL, made_at + _LONGEST_CALL).first()


def phases_of(event: UsageEvent) -> list[Phase]:
    """In the order of time. What no clock of ours saw apart is one phase: waiting in
    the engine's queue and reading the prompt are, and without a stream all of it is.
    """
    sent, first = event.sent_at, event.first_token_at
    marks = [("", event.received_at)]
    if sent is not None and sent >= event.received_at:
        marks.append(("accepted", sent))
    if first is not None and first >= marks[-1][1]:
        marks.append(("prefill" if len(marks) > 1 else "until_first", first))
    has_decode = marks[-1][0] in {"prefill", "until_first"}
    last = "decode" if has_decode else "engine" if len(marks) > 1 else "all"
    marks.append((last, max(event.happened_at, marks[-1][1])))
    return _drawn(marks)


_PHASES = {
    "accepted": (_("Accepted"), _("limits, credit and the choice of an engine"), 3),
    "prefill": (
        _("To the first token"),
        (
            _(
                "the engine's queue and the reading of the prompt; which of the two is"
                " not known"
            )
        ),
        1,
    ),
    "until_first": (
        _("To the first token"),
        (
            _(
                "limits, the engine's queue and the reading of the prompt; which of"
                " them is not known"
            )
        ),
        1,
    ),
    "decode": (_("Decode"), _("token by token, until the last one"), 0),
    "engine": (
        _("In the engine"),
        (
            _(
                "its queue, reading the prompt and writing the answer; without a stream"
                " they are not known apart"
            )
        ),
        0,
    ),
    "all": (_("The whole call"), _("its parts are not known"), 0),
}


def _drawn(marks: list[tuple[str, datetime]]) -> list[Phase]:
    begin, whole = marks[0][1], max(marks[-1][1] - marks[0][1], timedelta(0))
    phases = []
    for (_name, start), (name, end) in pairwise(marks):
        title, note, series = _PHASES[name]
        left, right = _place(start - begin, whole), _place(end - begin, whole)
        phases.append(
            Phase(
                title=title,
                note=note,
                start=start,
                length=end - start,
                series=series,
                left=min(left, PICTURE_WIDTH - _SLIVER),
                width=max(right - left, _SLIVER),
            )
        )
    return phases


def _place(offset: timedelta, whole: timedelta) -> int:
    return PICTURE_WIDTH * offset // whole if whole else 0


def _parts(event: UsageEvent, rates: Rates | None) -> list[Part]:
    parts = []
    for meter, quantity in quantities_of(event).items():
        rate = rates.of_meter(meter) if rates else None
        if quantity:
            amount = None if rate is None else amount_nanos(quantity, rate)
            parts.append(
                Part(
                    title=_TITLES[meter],
                    quantity=quantity,
                    rate_nanos_per_million=rate,
                    amount_nanos=amount,
                )
            )
    return parts


def _lease_name(lease_id: UUID | None) -> str:
    return f"kvl_{lease_id.hex}" if lease_id else ""
