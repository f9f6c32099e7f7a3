"""No page is forgotten: whatever has an address is tried by everybody."""

import re

import pytest
from django.urls import URLResolver, get_resolver, reverse

from frontend.urls import urlpatterns
from tests.frontend.people import NAMES
from tests.frontend.test_pages import PAGES, fill, make_rows

NO_PAGE = {
    "favicon.ico": "leads to a file",
    "texts/<slug:language>.js": "texts for scripts",
    "operator/workers/": "leads to the engines",
    "operator/tenants/": "leads to the operator's first page",
    "invoices/<int:invoice_id>/receipts/": "a file",
    "invoices/<int:invoice_id>/receipts/csv/": "a file",
    "billing/portal/": "leads to the payment provider",
    "credit/top-up/<int:payment_id>/": "leads to the payment provider",
    "billing/cards/new/": "leads to the payment provider",
    "billing/cards/added/": "leads back from the payment provider",
    "billing/payments/<int:payment_id>/": "leads back from the payment provider",
    "operator/login/<str:uidb64>/<str:token>/": "signs in, and leads on",
}
# By browser/test_every_page.py.
LOOKED_AT_ELSEWHERE = {
    "invoices/<int:invoice_id>/lines/<int:line_id>/check/",
    "dev/mailbox/<str:name>/",
}
# Address -> who reads it.
OF_ACCOUNTS = {
    "/accounts/login/": "anonymous",
    "/accounts/signup/": "anonymous",
    "/accounts/inactive/": "anonymous",
    "/accounts/password/reset/": "anonymous",
    "/accounts/password/reset/done/": "anonymous",
    "/accounts/password/reset/key/done/": "anonymous",
    "/accounts/logout/": "owner",
    "/accounts/email/": "owner",
    "/accounts/password/change/": "owner",
    "/accounts/reauthenticate/": "owner",
    "/accounts/2fa/": "owner",
    "/accounts/2fa/webauthn/": "owner",
    "/accounts/sessions/": "owner",
}
FILES = re.compile(r"/healthz|.*\.(csv|json)(\?.*)?|.*/(pdf|csv|json)/")
"""They answer with something else than a page."""
ANYTHING = {"int": "1", "uuid": "0" * 8 + "-0000-4000-8000-" + "0" * 12}


def of_nobody(route: str) -> str:
    """An address of that shape."""
    fill = re.compile(r"<(\w+):\w+>")
    return "/" + fill.sub(lambda found: ANYTHING.get(found[1], "x"), route)


def shape(route: str) -> re.Pattern[str]:
    return re.compile("/" + re.sub(r"<[^>]+>", r"[^/?]+", route))


def test_what_is_not_tried_takes_forms_only(people):
    people.users["staff"].is_superuser = True
    people.users["staff"].save()
    known = set(NO_PAGE) | LOOKED_AT_ELSEWHERE
    for pattern in urlpatterns:
        route = str(pattern.pattern)
        is_tried = any(shape(route).fullmatch(one.partition("?")[0]) for one in PAGES)
        assert not (is_tried and route in known), f"{route} is tried"
        if is_tried or route in known:
            continue
        who = "staff" if route.startswith("operator/") else "owner"
        status = people.client(who).get(of_nobody(route)).status_code
        assert status == 405, f"/{route} is a page of which no test knows"


def test_each_reason_is_of_an_address_that_is_there():
    routes = {str(pattern.pattern) for pattern in urlpatterns}
    assert set(NO_PAGE) | LOOKED_AT_ELSEWHERE <= routes


@pytest.mark.parametrize("name", ["owner", "anonymous"])
def test_the_pages_of_ones_account_are_known(people, name):
    (accounts,) = [
        one
        for one in get_resolver().url_patterns
        if isinstance(one, URLResolver) and str(one.pattern) == "accounts/"
    ]
    names = {
        found
        for found in accounts.reverse_dict
        if isinstance(found, str)
        and not accounts.reverse_dict.getlist(found)[0][0][0][1]
    }
    pages = set()
    for found in names:
        response = people.client(name).get(reverse(found))
        if response.status_code == 200 and "html" in response["Content-Type"]:
            pages.add(response.request["PATH_INFO"])
    assert pages
    assert pages <= set(OF_ACCOUNTS)


def test_what_is_taken_for_a_file_is_one(people, invoice, version, now):
    staff = people.users["staff"]
    staff.is_superuser = True
    staff.save()
    rows = make_rows(people, invoice, version, now)
    for address, answers in PAGES.items():
        if FILES.fullmatch(address):
            reader = NAMES[answers.index(200)]
            answer = people.client(reader).get(fill(address, people, rows))
            assert answer.status_code == 200, address
            assert not answer["Content-Type"].startswith("text/html"), address
