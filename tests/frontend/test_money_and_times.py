"""No amount and no time is on a page without what it is exactly, one hover away."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import frontend
from tests.frontend.believable import call, record

TEMPLATES = sorted(Path(frontend.__file__).parent.glob("templates/**/*.html"))
_SHOWN = re.compile(r"\{\{ *([\w.]+)((?:\|[\w]+(?::[^|} ]+)?)*) *\}\}")
NANOS = {"money", "exact_money", "rate"}
MOMENTS = {"utc", "utc_seconds", "utc_day", "ago", "server_ms"}
PAGES = {
    "owner": ["/", "/usage/calls/", "/invoices/", "/keys/", "/settings/members/"],
    "staff": ["/operator/", "/operator/tenants/{tenant}/"],
}


_SAID = re.compile(
    r"\{% blocktranslate(.*?)%\}.*?\{% endblocktranslate %\}", flags=re.DOTALL
)
_GIVEN = re.compile(r"\w+=([\w.]+)((?:\|[\w]+(?::[^|} ]+)?)*)")


def shown(suffix):
    """File, name and first filter of each value that templates show as a text; a text
    to translate is given its values in its head.
    """
    for path in TEMPLATES:
        text = re.sub(r'="[^"]*"', "", path.read_text())  # attributes are for machines
        given = [one for head in _SAID.findall(text) for one in _GIVEN.findall(head)]
        for name, filters in given + _SHOWN.findall(_SAID.sub("", text)):
            if re.search(rf"{suffix}$", name):
                first = filters.split("|")[1].split(":")[0] if filters else ""
                yield f"{path.name}: {name}", first


def test_every_amount_in_nanos_is_shown_with_its_digits():
    found = dict(shown("_nanos"))
    assert len(found) > 20
    assert {where: how for where, how in found.items() if how not in NANOS} == {}


def test_every_amount_in_cents_is_shown_with_its_currency():
    found = dict(shown("_cents"))
    assert len(found) > 20
    wrong = {where: how for where, how in found.items() if how != "money_of_cents"}
    assert wrong == {}


def test_every_moment_is_shown_with_its_utc():
    found = dict(shown("_at"))
    assert len(found) > 40
    days = {"date"}  # of a month or an hour of the books, which are UTC and say so
    assert {
        where: how for where, how in found.items() if how not in MOMENTS | days
    } == {}


class _Titles(HTMLParser):
    def __init__(self):
        super().__init__()
        self.times, self.amounts = [], []

    def handle_starttag(self, tag, attributes):
        said = dict(attributes)
        if tag == "time":
            self.times.append(said.get("title") or "")
        elif said.get("class") == "exact":
            self.amounts.append(said.get("title") or "")


@pytest.mark.parametrize(("name", "path"), [(n, p) for n in PAGES for p in PAGES[n]])
def test_it_works(people, version, now, name, path):
    record([call(people.api_key, version, now)], now)
    page = people.client(name).get(path.format(tenant=people.tenant.pk))
    found = _Titles()
    found.feed(page.text)

    assert page.status_code == 200
    for title in found.times:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", title)
    for title in found.amounts:
        assert re.fullmatch(r"exactly \$[\d,]+\.\d+ \([\d,-]+ nanos\)", title)
    assert found.times
