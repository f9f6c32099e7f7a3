"""What a person reads when somebody signed in as them from a new browser."""

from datetime import datetime

from tenants.domain.letters import Letter, gettext_noop

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)
"""The first that is found: Edge names Chrome as well, and Android Linux."""


def browser_of(user_agent: str) -> str:
    """Names of ours alone: the header is written by whoever signs in, and could tell
    the reader of the mail anything. Empty if none is known.
    """
    found = (
        next((name for sign, name in names if sign in user_agent), "")
        for names in (_BROWSERS, _SYSTEMS)
    )
    return ", ".join(filter(None, found))


def sign_in_mail(
    *, email: str, user_agent: str, address: str, at: datetime, portal_url: str
) -> Letter:
    """`at` in UTC; `address` is that of the network."""
    browser = browser_of(user_agent)
    return Letter(
        subject=gettext_noop("A sign-in from a browser that is new to us"),
        paragraphs=(
            gettext_noop(
                "Somebody signed in as %(email)s on %(day)s at %(time)s UTC, from a"
                " browser that had not done so before:",
                email=email,
                day=at,
                time=f"{at:%H:%M}",
            ),
            "    " + " · ".join(filter(None, (browser, address))),
            gettext_noop("If that was you, there is nothing to do."),
            gettext_noop("If not, change your password:"),
            f"{portal_url}/accounts/password/change/",
            gettext_noop("Then end the sessions that are not yours:"),
            f"{portal_url}/accounts/sessions/",
        ),
    )
