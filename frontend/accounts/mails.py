"""Reads the mails that Django's file backend wrote, for `/dev/mailbox/`."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

LISTED_MAX = 200
_SEPARATOR = re.compile(rb"^-{79}\r?\n", re.MULTILINE)
_NAME = re.compile(r"[\w.-]+\.log")
_CODE = re.compile(r"^\s*([A-Z0-9]{3,5}-?[A-Z0-9]{3,5})\s*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Mail:
    name: str
    """File name and place in the file: one process appends all its mails to one."""
    to: str
    subject: str
    sent_at: datetime
    text: str

    @property
    def code(self) -> str | None:
        """The code that the mail carries on a line of its own, if it does."""
        found = _CODE.search(self.text)
        return found.group(1) if found else None


def list_mails(folder: Path) -> list[Mail]:
    """Newest first, at most LISTED_MAX."""
    files = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)
    mails = [mail for path in files[-LISTED_MAX:] for mail in _read(path)]
    return sorted(mails, key=lambda mail: mail.sent_at, reverse=True)[:LISTED_MAX]


def find_mail(folder: Path, name: str) -> Mail | None:
    file_name, _, place = name.rpartition(":")
    if not _NAME.fullmatch(file_name) or not place.isdecimal():
        return None
    path = folder / file_name
    mails = _read(path) if path.is_file() else []
    return next((mail for mail in mails if mail.name == name), None)


def _read(path: Path) -> list[Mail]:
    parts = _SEPARATOR.split(path.read_bytes())
    return [
        _parse(f"{path.name}:{place}", part)
        for place, part in enumerate(parts)
        if part.strip()
    ]


def _parse(name: str, content: bytes) -> Mail:
    message = BytesParser(EmailMessage, policy=policy.default).parsebytes(content)
    body = message.get_body(("plain", "html"))
    sent_at = message["Date"].datetime if message["Date"] else datetime.now(UTC)
    return Mail(
        name=name,
        to=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        sent_at=sent_at,
        text=body.get_content().strip() if body else "",
    )
