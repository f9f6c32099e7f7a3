from datetime import UTC, datetime

import pytest

from tenants.domain.sign_in_mail import browser_of, sign_in_mail


def test_it_works():
    letter = sign_in_mail(
        email="ada@example.com",
        user_agent="",
        address="192.0.2.7",
        at=datetime(2026, 11, 22, 8, 5, tzinfo=UTC),
        portal_url="https://portal.example",
    )
    assert "on 22 November 2026 at 08:05 UTC" in letter.text
    assert "\n\n    192.0.2.7\n\n" in letter.text
    assert "\n\nhttps://portal.example/accounts/password/change/\n\n" in letter.text


@pytest.mark.parametrize(
    ("user_agent", "browser"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/1 Safari/1 Edg/1", "Edge, Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/1 Safari/1", "Chrome, Android"),
        ("Mozilla/5.0 (iPhone; like Mac OS X) Version/1 Safari/1", "Safari, iOS"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Firefox/1", "Firefox, macOS"),
        ("curl/8.5", ""),
        ("Call 0800 1234, your account is at risk. Firefox", "Firefox"),
    ],
)
def test_a_browser_is_told_by_names_of_ours(user_agent, browser):
    assert browser_of(user_agent) == browser
