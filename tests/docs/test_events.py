"""docs/webhooks.md lists each event that there is, and no other."""

import re

from billing.domain.event_types import PING, EventType
from tests.docs.documents import tables_of


def test_every_event_is_listed_once():
    listed = []
    for cells in tables_of("docs/webhooks.md"):
        names = re.findall(r"`([a-z_]*\.[a-z_]+|ping)`", cells[0])
        subject = names[0].split(".")[0] if names else ""
        # `.paid` after `invoice.issued` is `invoice.paid`.
        listed += [subject + one if one.startswith(".") else one for one in names]

    assert sorted(listed) == sorted([*EventType, PING])
