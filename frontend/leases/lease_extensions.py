"""For how long a lease can be kept still, and what that adds to its cost."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext

from billing.domain.money import amount_nanos
from frontend.formatting import exact_amount
from frontend.lazy import lazy as _
from frontend.leases.lease_list import BoughtLease
from metering.domain.lease_intervals import METERS
from metering.domain.leased import BYTE_MS_PER_MB_S

_MINUTES = {1: _("1 minute"), 5: _("5 minutes"), 15: _("15 minutes"), 60: _("1 hour")}


@dataclass(frozen=True, kw_only=True)
class Extension:
    minutes: int
    """From now."""
    until: datetime
    amount_nanos: int | None
    """On top, at most; None: its price is not there."""

    @property
    def title(self) -> str:
        until = self.until.astimezone(UTC)
        title = gettext("%(time)s from now, until %(until)s UTC") % {
            "time": _MINUTES[self.minutes],
            "until": f"{until:%H:%M:%S}",
        }
        if self.amount_nanos is None:
            return title
        return gettext("%(title)s: at most %(amount_nanos)s more") % {
            "title": title,
            "amount_nanos": exact_amount(self.amount_nanos),
        }


def extensions(lease: BoughtLease, now: datetime) -> list[Extension]:
    """Those that end later than it does now."""
    found = []
    for minutes in _MINUTES:
        until = now + timedelta(minutes=minutes)
        if lease.sold_until and until > lease.sold_until:
            amount = _amount(lease, until - lease.sold_until)
            found.append(Extension(minutes=minutes, until=until, amount_nanos=amount))
    return found


def _amount(lease: BoughtLease, longer: timedelta) -> int | None:
    """In the tier in which it lies now: it can only go down, where it costs less."""
    if lease.lease is None or lease.rates is None or lease.lease.tier not in METERS:
        return None
    rate = lease.rates.of_meter(METERS[lease.lease.tier].value)
    if rate is None:
        return None
    byte_ms = lease.lease.bytes * (longer // timedelta(milliseconds=1))
    return amount_nanos(-(-byte_ms // BYTE_MS_PER_MB_S), rate)


class ExtensionForm(forms.Form):
    minutes = forms.ChoiceField(
        label=_("Keep it for"),
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )

    def __init__(self, found: list[Extension], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["minutes"].choices = [  # type: ignore[attr-defined]
            (str(one.minutes), one.title) for one in found
        ]
        if found:
            self.fields["minutes"].initial = str(found[0].minutes)

    @property
    def ttl(self) -> timedelta:
        return timedelta(minutes=int(self.cleaned_data["minutes"]))
