"""Every page, as who reads it sees it: fit to be looked at, light, and whole without
scripts.

No page is listed here: they are those of `PAGES` and of one's account, of which a test
proves that none is missing. A picture is named after reader and address, and lies in
`test-output/screenshots/`.
"""

import re
from typing import Any

import pytest
from django.core.mail import send_mail
from django.core.management import call_command

from billing.models.invoices import Invoice
from inference.cached_prompt_models import CachedPrompt
from tests.frontend.browser.axe import COLOURS, barriers
from tests.frontend.people import NAMES
from tests.frontend.test_all_pages_are_tried import (
    FILES,
    LOOKED_AT_ELSEWHERE,
    OF_ACCOUNTS,
    shape,
)
from tests.frontend.test_pages import ANYBODY, PAGES, fill, make_rows

pytestmark = pytest.mark.browser

READERS = ("anonymous", "owner", "staff")
GONE = 410
MORE = {
    "/dev/mailbox/{mail}/": "anonymous",
    "/accounts/password/reset/key/1-nothing/": "anonymous",
    "/invoices/{issued}/": "owner",
    "/invoices/{issued}/lines/{issued_line}/check/": "owner",
    "/prompts/{degraded}/": "owner",
    "/prompts/{warming}/": "owner",
    "/prompts/{ended}/": "owner",
    "/usage/?range=24h": "owner",
    "/usage/?range=30d&by=model": "owner",
    "/usage/calls/?outcome=client_gone&range=30d": "owner",
    "/usage/calls/?ms=80000000": "owner",
}
"""Pages that need other rows, and other states of pages."""
BYTES_MAX = 250_000
"""Packed, of all that a browser fetches that was never here before."""
TIMELY = re.compile(r"just now|\d+ \w+ ago|\d[\d.,:]*( [smhd]\b)?")
"""Time goes on between two looks at a page, and forecasts with it."""
SCRIPTS_ALONE = {"/playground/"}
"""Says so to whoever has none."""
TEXTS = "main :is(h1, h2, h3, p, th, td, dt, dd, label, legend, pre)"
# Each resource: address, bytes as sent, bytes unpacked.
FETCHED = """() => performance.getEntries().filter((one) => "encodedBodySize" in one)
  .map((one) => [one.name, one.encodedBodySize, one.decodedBodySize])"""


def is_page(address) -> bool:
    """Neither a file nor an address that leads on."""
    leads_on = isinstance(PAGES[address][0], str)
    return not leads_on and not FILES.fullmatch(address)


def readers_of(answers) -> set[str]:
    """What is the same for everybody is looked at by one of them."""
    if answers in {ANYBODY, (GONE,) * len(NAMES)}:
        return {"anonymous"}
    answer_to = dict(zip(NAMES, answers, strict=True))
    if answer_to["owner"] == 403:
        return {"staff"}  # who are superusers here
    return {name for name in READERS if answer_to[name] == 200}


def addresses_of(reader) -> list[str]:
    pages = [one for one, answers in PAGES.items() if reader in readers_of(answers)]
    more = [one for one, who in (OF_ACCOUNTS | MORE).items() if who == reader]
    return [*filter(is_page, pages), *more]


def name_of(address, reader) -> str:
    """Of its picture: `owner-limits-spend`, which no other test names one."""
    return re.sub(r"\W+", "-", f"{reader}{address}").strip("-")


@pytest.fixture(autouse=True)
def _collected(settings, tmp_path):
    """Static files as an installation serves them."""
    settings.STATIC_ROOT = tmp_path / "static"
    settings.WHITENOISE_USE_FINDERS = False
    call_command("collectstatic", interactive=False, verbosity=0)


@pytest.fixture
def rows(people, full, version, now, mail_folder):
    staff = people.users["staff"]
    staff.is_superuser = True
    staff.save()
    issued = Invoice.objects.exclude(status="draft").filter(tenant=people.tenant)
    first = issued.earliest("pk")
    prompts = CachedPrompt.objects.order_by("pk")
    _, degraded, warming, ended = (prompt.public_id for prompt in prompts)
    send_mail(
        "Your code: A1B2C3", "Your code is\n\n    A1B2C3\n", None, ["a@b.example"]
    )
    return make_rows(people, full, version, now) | {
        "degraded": degraded,
        "warming": warming,
        "ended": ended,
        "issued": first.pk,
        "issued_line": first.lines.earliest("pk").pk,
        "mail": f"{next(mail_folder.glob('*.log')).name}:0",
    }


class Look:
    """One reader's window, and what is at fault in it."""

    def __init__(self, seen, fill_in) -> None:
        self.seen = seen
        self.fill_in = fill_in
        self.faults: list[str] = []
        self.weights: dict[
            str, tuple[int, int]
        ] = {}  # address -> bytes sent, and whole

    def blame(self, address: str, found: list[Any]) -> None:
        self.faults += [f"{address}: {one}" for one in found]

    def open(self, address: str):
        """A page that is gone says so; the browser notes that as an error."""
        path = self.fill_in(address)
        answer = self.seen.open(path)
        if self.seen.page.url != self.seen.portal_url + path:
            self.blame(address, [f"leads to {self.seen.page.url}"])
        expected = GONE if GONE in PAGES.get(address, ()) else 200
        if answer.status != expected:
            self.blame(address, [f"answers {answer.status}"])
        return answer

    def hear(self, address: str) -> None:
        """What the console said, and who was asked elsewhere."""
        own = "" if GONE not in PAGES.get(address, ()) else f"status of {GONE}"
        self.blame(
            address, [one for one in self.seen.complaints if not own or own not in one]
        )
        self.seen.complaints.clear()

    def take(self, address: str, name: str) -> None:
        """In both colour schemes, for which nothing is loaded anew."""
        width = self.seen.page.viewport_size["width"]
        for scheme, rules in (("light", ()), ("dark", COLOURS)):
            self.seen.page.emulate_media(color_scheme=scheme)
            self.seen.screenshot(f"{width}-{scheme}", name)
            self.blame(address, self.seen.overflow())
            self.blame(address, barriers(self.seen.page, rules))

    def weigh(self, address: str, answer) -> None:
        """Whether or not the browser had some of it already: of what it has it may say
        nothing, hence the weights of before. What may show a secret stays unpacked.
        """
        found = self.seen.page.evaluate(FETCHED)
        for one, packed, unpacked in found:
            if packed:
                self.weights[one.partition("#")[0]] = packed, unpacked
        names = {one.partition("#")[0] for one, _, _ in found}
        self.blame(address, [f"{one} has no weight" for one in names - {*self.weights}])
        weights = {one: self.weights[one] for one in names & {*self.weights}}
        total = sum(packed for packed, _ in weights.values())
        if len(weights) < 8 or total > BYTES_MAX:
            self.blame(address, [f"{total} bytes in {len(weights)} pieces"])
        if "no-store" in answer.headers.get("cache-control", ""):
            weights.pop(answer.url, None)
        loose = [one for one, (packed, whole) in weights.items() if packed == whole]
        self.blame(address, [f"{one} is not packed" for one in loose])

    def texts(self) -> set[str]:
        shown = self.seen.page.locator(TEXTS).filter(visible=True).all_inner_texts()
        return {TIMELY.sub("", text).strip() for text in shown}

    def compare(self, address: str, texts: set[str]) -> None:
        """What another window showed, in one that has no scripts."""
        missing = texts - self.texts()
        if missing and address not in SCRIPTS_ALONE:
            self.blame(address, [f"only scripts show {missing}"])
        if not self.seen.page.locator("main h1").first.is_visible():
            self.blame(address, ["has no heading without scripts"])


@pytest.mark.parametrize("reader", READERS)
def test_every_page_is_fit_to_be_looked_at(visit, people, rows, reader):
    """One window per width, and one without scripts, for all pages of a reader."""
    user, addresses = people.users[reader], addresses_of(reader)

    def fill_in(address):
        return fill(address, people, rows)

    with visit(user) as seen, visit(user, java_script_enabled=False) as bare:
        look, plain = Look(seen, fill_in), Look(bare, fill_in)
        for address in addresses:
            answer = look.open(address)
            plain.open(address)
            plain.compare(address, look.texts())
            look.take(address, name_of(address, reader))
            look.weigh(address, answer)
            look.hear(address)
            plain.hear(address)
    with visit(user, width=390) as seen:
        narrow = Look(seen, fill_in)
        for address in addresses:
            narrow.open(address)
            narrow.take(address, name_of(address, reader))
            narrow.hear(address)
    faults = look.faults + plain.faults + narrow.faults
    assert not faults, "\n".join(faults)


def test_no_page_is_left_out():
    looked_at = {one for reader in READERS for one in addresses_of(reader)}
    assert looked_at == set(filter(is_page, PAGES)) | set(OF_ACCOUNTS) | set(MORE)
    for route in LOOKED_AT_ELSEWHERE:
        assert any(shape(route).fullmatch(one) for one in MORE), route
    names = [name_of(one, who) for who in READERS for one in addresses_of(who)]
    assert len(set(names)) == len(names)
