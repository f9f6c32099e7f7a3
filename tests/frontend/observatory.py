"""What Mozilla's HTTP Observatory would say of an answer over https, by the rules that
it publishes (github.com/mdn/mdn-http-observatory, `src/grader/charts.js`).

A hundred less what is bad; what is better than needed counts only from 90 on. A hundred
is an A+. Whether http leads to https, and whether a browser knows the host beforehand,
is not a question of one answer.
"""

import re
from html.parser import HTMLParser

A_PLUS = 100
_CREDIT_FROM = 90
_SIX_MONTHS_SECONDS = 15_552_000
_BROAD = {
    "*",
    *(f"{scheme}:" for scheme in ("ftp", "http", "https")),
    *(f"{scheme}://{host}" for scheme in ("http", "https") for host in ("*", "*.*")),
}
_INLINE = {"'unsafe-inline'", "data:"}
_PRIVATE_REFERRERS = {
    "no-referrer",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
}


def score_of(response) -> tuple[int, dict[str, int]]:
    """The points, and what each rule gave or took."""
    found = {
        "csp": _of_policy(_policy_of(response)),
        "framing": _of_framing(response),
        "cookies": _of_cookies(response),
        "cors": -50 if "Access-Control-Allow-Origin" in response else 0,
        "corp": _of_resource_policy(response),
        "referrer": _of_referrer(response.get("Referrer-Policy")),
        "hsts": _of_transport(response.get("Strict-Transport-Security", "")),
        "nosniff": 0 if response.get("X-Content-Type-Options") == "nosniff" else -5,
        "scripts": _of_scripts(response),
    }
    score = A_PLUS + sum(one for one in found.values() if one < 0)
    if score >= _CREDIT_FROM:
        score += sum(one for one in found.values() if one > 0)
    return score, found


def _policy_of(response) -> dict[str, set[str]]:
    parts = response.get("Content-Security-Policy", "").split(";")
    words = [part.split() for part in parts if part.strip()]
    assert len({one[0] for one in words}) == len(words), "a directive stands twice"
    return {name: set(sources) for name, *sources in words}


def _of_policy(policy: dict[str, set[str]]) -> int:
    if not policy:
        return -25
    every = policy.get("default-src", {"*"})
    script = policy.get("script-src", every)
    style = policy.get("style-src", every)
    sources = {
        source
        for directive, of_directive in policy.items()
        if directive not in {"img-src", "media-src"}
        for source in of_directive
    }
    images = policy.get("img-src", every)
    # The first that holds.
    rules = (
        (script & (_BROAD | _INLINE) or policy.get("object-src", every) & _BROAD, -20),
        (any(source.startswith(("http:", "ftp:")) for source in sources), -20),
        ("'unsafe-eval'" in script | style, -10),
        (any(source.startswith(("http:", "ftp:")) for source in images), -10),
        (style & (_BROAD | _INLINE), 0),
        (policy.get("default-src") == {"'none'"}, 10),
        (True, 5),
    )
    return next(points for holds, points in rules if holds)


def _of_framing(response) -> int:
    if _policy_of(response).get("frame-ancestors", _BROAD) - _BROAD:
        return 5
    is_refused = response.get("X-Frame-Options") in {"DENY", "SAMEORIGIN"}
    return 0 if is_refused else -20


def _of_cookies(response) -> int:
    if not response.cookies:
        return 0
    points = 5
    for name, cookie in response.cookies.items():
        is_session = "sess" in name or "login" in name
        if not cookie["secure"]:
            points = min(points, -40 if is_session else -20)
        if is_session and not cookie["httponly"]:
            points = min(points, -30)
        if cookie["samesite"] not in {"Lax", "Strict"}:
            points = min(points, -20 if "csrf" in name or cookie["samesite"] else 0)
    return points


def _of_resource_policy(response) -> int:
    policy = response.get("Cross-Origin-Resource-Policy")
    known = {None: 0, "cross-origin": 0, "same-origin": 10, "same-site": 10}
    return known.get(policy, -5)


def _of_referrer(policy: str | None) -> int:
    if policy is None:
        return 0
    return 5 if policy in _PRIVATE_REFERRERS else -5


def _of_transport(header: str) -> int:
    age = re.search(r"max-age=(\d+)", header)
    if age is None:
        return -20
    return 0 if int(age[1]) >= _SIX_MONTHS_SECONDS else -10


class _Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elsewhere = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        source = dict(attrs).get("src") or ""
        if tag == "script" and re.match(r"(https?:)?//", source):
            self.elsewhere += 1


def _of_scripts(response) -> int:
    """Of another host, and without a hash of what they must be."""
    if response.streaming or "text/html" not in response.get("Content-Type", ""):
        return 0
    scripts = _Scripts()
    scripts.feed(response.content.decode())
    return -50 if scripts.elsewhere else 0
