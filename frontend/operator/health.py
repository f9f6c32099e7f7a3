"""How the installation is, piece by piece, and what to do where it is not well."""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.models.issue_blocks import IssueBlock
from billing.models.provider import StripeEvent, StripeOrder
from billing.models.rating import BillingPeriod
from billing.models.webhooks import WebhookMessage
from frontend.formatting import short_bytes
from frontend.templatetags.quantities import duration
from inference.models import Engine, EngineState
from metering.audit_models import EngineReading, ReconciledDay, ReconciliationStatement
from metering.models import OpenHour
from metering.services.quarantine import FOLDER_NAME
from metering.services.ship_journal import journal_folders
from metering.services.shipped_up_to import shipped_up_to
from tenants.mail_models import SentMail

_LAG_WAIT = timedelta(seconds=15)
_LAG_BAD = timedelta(minutes=2)
_SEGMENTS_WAIT = 6
"""A proxy: two or three are normal."""
_SEGMENTS_BAD = 30
_ROLLUP_BAD = timedelta(minutes=5)
_MESSAGE_WAIT = timedelta(hours=1)
_DAY = timedelta(days=1)
_JUDGED_BY = timedelta(hours=2)
"""After midnight, UTC."""


class State(enum.StrEnum):
    GOOD = "good"
    WAIT = "wait"
    BAD = "bad"


_WORST = (State.BAD, State.WAIT, State.GOOD)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    title: str
    state: State
    says: str
    todo: str = ""
    """What to do where it is not well."""
    page: str = ""
    """Name of the page where it is done; empty: none."""
    chapter: str = ""
    """Of docs/operations.md."""

    @property
    def is_well(self) -> bool:
        return self.state is State.GOOD


@dataclass(frozen=True, kw_only=True)
class Part:
    title: str
    checks: list[Check]

    @property
    def state(self) -> State:
        return worst(self.checks)


def worst(checks: Iterable[Check]) -> State:
    found = {check.state for check in checks}
    return next((state for state in _WORST if state in found), State.GOOD)


def by_bounds(value: float, wait: float, bad: float) -> State:
    """Good below `wait`, bad from `bad` on."""
    if value >= bad:
        return State.BAD
    return State.WAIT if value >= wait else State.GOOD


def age(seconds: float) -> str:
    """`15 s`, `4 m 05 s`; less than a second is one."""
    return duration(max(int(seconds), 1))


def read_journals(*, now: datetime) -> Part:
    root = Path(settings.JOURNAL_FOLDER)
    readers: list[Callable[[], Check]] = [lambda: _lag(now), _rolled_up]
    if root.is_dir():
        readers[1:1] = [lambda: _segments(root), lambda: _quarantine(root)]
    return Part(title=_("Usage"), checks=[read() for read in readers])


def _lag(now: datetime) -> Check:
    up_to = shipped_up_to()
    title = _("Shipper")
    if up_to is None:
        return Check(
            title=title,
            state=State.WAIT,
            says=_("There is no journal on this machine: nothing is known of it."),
            todo=_("Look where the proxies run."),
            chapter="Journals",
        )
    lag = max(now - up_to, timedelta())
    state = by_bounds(
        lag.total_seconds(), _LAG_WAIT.total_seconds(), _LAG_BAD.total_seconds()
    )
    return Check(
        title=title,
        state=state,
        says=_("All usage up to %(lag)s ago is in PostgreSQL.")
        % {"lag": age(lag.total_seconds())},
        todo=_(
            "make logs NAME=shipper; manage.py ship_journal --once says what blocks."
        ),
        chapter="Journals",
    )


def _segments(root: Path) -> Check:
    folders = journal_folders(root)
    files = [path for folder in folders for path in folder.glob("*.journal")]
    size = sum(_size(path) for path in files)
    most = max(
        (sum(f.parent == folder for f in files) for folder in folders), default=0
    )
    state = by_bounds(most, _SEGMENTS_WAIT, _SEGMENTS_BAD)
    return Check(
        title=_("Journals"),
        state=state,
        says=_("%(files)s segments of %(proxies)s proxies, %(size)s.")
        % {
            "files": len(files),
            "proxies": len(folders),
            "size": short_bytes(size),
        },
        todo=_("The shipper does not keep up: see above, and the disk's free room."),
        chapter="Journals",
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # shipped and deleted meanwhile
        return 0


def _quarantine(root: Path) -> Check:
    count = len(list((root / FOLDER_NAME).glob("*/*.journal")))
    return Check(
        title=_("Set aside"),
        state=State.BAD if count else State.GOOD,
        says=ngettext(
            "%(count)s file with usage that could not be stored and is not billed.",
            "%(count)s files with usage that could not be stored and is not billed.",
            count,
        )
        % {"count": count}
        if count
        else _("No record had to be set aside."),
        todo=_("manage.py journal inspect, mend it, then manage.py journal replay."),
        chapter="Journals",
    )


def _rolled_up() -> Check:
    """Hours whose sums are not shown yet; each roll-up of two seconds takes them."""
    open_hours = OpenHour.objects.aggregate(count=Count("pk"), first=Min("hour_at"))
    problems = BillingPeriod.objects.exclude(problem="").count()
    late = open_hours["first"] and datetime.now(UTC) - open_hours["first"]
    is_late = bool(late and late > timedelta(hours=1) + _ROLLUP_BAD)
    state = State.BAD if problems else State.WAIT if is_late else State.GOOD
    says = _("Hours that are being summed: %(count)s.") % open_hours
    if problems:
        says = _("%(count)s months cannot be rated.") % {"count": problems}
    return Check(
        title=_("Sums and rating"),
        state=state,
        says=says,
        todo=_("make logs NAME=tasks; the page of tenants says which and why."),
        page="operator" if problems else "",
        chapter="When something is wrong",
    )


def read_reconciliation(*, now: datetime) -> Part:
    last = ReconciledDay.objects.order_by("-day").first()
    drifted = len(ReconciliationStatement.objects.blocking())
    reading = EngineReading.objects.order_by("-asked_at").first()
    yesterday = (now - _DAY - _JUDGED_BY).astimezone(UTC).date()
    is_late = bool(reading) and (last is None or last.day < yesterday)
    state = State.BAD if drifted else State.WAIT if is_late else State.GOOD
    if drifted:
        says = _("%(count)s statements differ and hold invoices up.") % {
            "count": drifted
        }
    elif last:
        says = _("All days up to %(day)s agree with the engines' counters.") % {
            "day": last.day.isoformat()
        }
    else:
        says = _("No day was judged yet: the first is, after its end.")
    todo = ""
    if drifted:
        todo = _("Find out why, then accept the difference or replay what is missing.")
    elif is_late:
        todo = _("make logs NAME=tasks; manage.py reconcile --day judges by hand.")
    check = Check(
        title=_("Days"),
        state=state,
        says=says,
        todo=todo,
        chapter="The engines' own counters",
    )
    return Part(title=_("Reconciliation"), checks=[check, _engines()])


def _engines() -> Check:
    counts = Engine.objects.aggregate(
        all=Count("pk"), ready=Count("pk", filter=Q(state=EngineState.READY))
    )
    state = by_bounds(counts["all"] - counts["ready"], 1, max(counts["all"], 1))
    return Check(
        title=_("Engines"),
        state=State.WAIT if not counts["all"] else state,
        says=_("%(ready)s of %(all)s answer.") % counts,
        todo=_("make logs NAME=engine; the page of engines says which."),
        page="operator_engines",
        chapter="When something is wrong",
    )


def read_deliveries(*, now: datetime) -> Part:
    return Part(
        title=_("Deliveries and documents"),
        checks=[_mails(now), _webhooks(now), _documents(), _stripe()],
    )


def _mails(now: datetime) -> Check:
    counts = SentMail.objects.filter(at__gt=now - _DAY).aggregate(
        sent=Count("pk", filter=Q(error="")), failed=Count("pk", filter=~Q(error=""))
    )
    state = State.GOOD
    if counts["failed"]:
        state = State.WAIT if counts["sent"] else State.BAD
    return Check(
        title=_("Mails"),
        state=state,
        says=_("%(sent)s sent and %(failed)s failed within a day.") % counts,
        todo=_("Look at what the mail server said, and at EMAIL_URL."),
        page="operator_deliveries",
        chapter="Settings",
    )


def _webhooks(now: datetime) -> Check:
    due = WebhookMessage.objects.filter(
        next_try_at__isnull=False, endpoint__is_enabled=True, attempts=0
    ).aggregate(count=Count("pk"), oldest=Min("created_at"))
    age = now - due["oldest"] if due["oldest"] else timedelta()
    state = by_bounds(age.total_seconds(), 60, _MESSAGE_WAIT.total_seconds())
    return Check(
        title=_("Webhooks"),
        state=state,
        says=ngettext(
            "%(count)s message was not tried yet.",
            "%(count)s messages were not tried yet.",
            due["count"],
        )
        % due,
        todo=_("make logs NAME=tasks; a slow endpoint holds up its own only."),
        page="operator_webhooks",
        chapter="When something is wrong",
    )


def _documents() -> Check:
    count = IssueBlock.objects.count()
    return Check(
        title=_("Invoices"),
        state=State.BAD if count else State.GOOD,
        says=_("%(count)s drafts cannot be issued.") % {"count": count}
        if count
        else _("No draft is held up."),
        todo=_("Each says why and what to do."),
        page="operator_blocked",
        chapter="An invoice is wrong: what now",
    )


def _stripe() -> Check:
    count = (
        StripeEvent.objects.exclude(problem="").count()
        + StripeOrder.objects.exclude(problem="").count()
    )
    return Check(
        title=_("Payments"),
        state=State.BAD if count else State.GOOD,
        says=_("%(count)s orders and events of Stripe's have a problem.")
        % {"count": count}
        if count
        else _("Nothing is stuck."),
        todo=_("Both are tried again; the page says what went wrong."),
        page="operator_payments",
        chapter="Payments",
    )
