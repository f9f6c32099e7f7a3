"""What texts and numbers callers may send."""

from datetime import datetime
from typing import Annotated

import msgspec

from tenants.domain.limits import AMOUNT_MAX

# PostgreSQL keeps no NUL in a text.
_NO_NUL = r"^[^\x00]*$"
Text = Annotated[str, msgspec.Meta(max_length=200, pattern=_NO_NUL)]
FilledText = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=_NO_NUL)]
Url = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=_NO_NUL)]
Amount = Annotated[
    int, msgspec.Meta(ge=1, le=AMOUNT_MAX, description="Nanos, 10^-9 USD.")
]
RowId = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Time = Annotated[
    datetime, msgspec.Meta(tz=True, description="RFC 3339, with its zone.")
]
