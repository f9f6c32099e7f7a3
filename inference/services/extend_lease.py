"""Keep a lease longer than it was sold for."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.utils.translation import gettext

from inference.domain.lease_row import LeaseRow, LeaseStatus
from inference.errors import (
    LeaseEndedError,
    LeaseNotExtendedError,
    LeaseNotFoundError,
)
from inference.services.ask_holder import ask_holder
from inference.services.lease_rows import (
    KeptRow,
    find_row,
    milliseconds,
    replace_row,
)
from tenants.models import ApiKey
from tenants.services.is_money_limited import is_money_limited


def extend_lease(
    *, api_key: ApiKey, lease_id: UUID, ttl: timedelta, now: datetime
) -> LeaseRow:
    """Until `now + ttl`, if that is later than its end; in the name of `api_key`.

    Raises LeaseNotFoundError, LeaseNotExtendedError, LeaseEndedError and
    LeasesUnavailableError.
    """
    kept = find_row(tenant_id=api_key.tenant_id, lease_id=lease_id)
    if kept.row.project_id != api_key.project_id:
        raise LeaseNotFoundError(gettext("There is no such lease."))
    if is_money_limited(api_key):
        raise LeaseNotExtendedError(
            gettext(
                "With prepaid credit or a spend limit a lease cannot be extended: ask"
                " for "
                "a longer timeout in the next turn."
            )
        )
    if not kept.row.is_live(milliseconds(now)):
        raise _ended()
    return _extend(kept, ttl, now)


def _extend(kept: KeptRow, ttl: timedelta, now: datetime) -> LeaseRow:
    row, at_ms = kept.row, milliseconds(now)
    ttl_ms = ttl // timedelta(milliseconds=1)
    is_held = ask_holder(
        row,
        lambda client: client.extend(
            row.lease_id, tenant_id=row.tenant_id, ttl_ms=ttl_ms
        ),
    )
    if not is_held:
        replace_row(kept, row.ended(LeaseStatus.LOST, at_ms=at_ms), now=now)
        raise _ended()
    until_ms = max(row.expires_at_ms, at_ms + ttl_ms)
    longer = msgspec.structs.replace(row, expires_at_ms=until_ms)
    if not replace_row(kept, longer, now=now):
        raise _ended()  # a turn has continued it meanwhile
    return longer


def _ended() -> LeaseEndedError:
    return LeaseEndedError("This lease has ended; send a turn that asks for a new one.")
