"""What texts and numbers callers may send."""

from datetime import datetime
from typing import Annotated

import msgspec

from tenants.domain.limits import AMOUNT_MAX

# PostgreSQL keeps no NUL in a text.
NO_NUL = r"^[^\x00]*$"
Text = Annotated[str, msgspec.Meta(max_length=200, pattern=NO_NUL)]
FilledText = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=NO_NUL)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=NO_NUL)]
Paragraph = Annotated[str, msgspec.Meta(max_length=2_000, pattern=NO_NUL)]
Url = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=NO_NUL)]
Amount = Annotated[
    int,
    msgspec.Meta(ge=1, le=AMOUNT_MAX, description="Nanos, 10^-9 of a unit."),
]
Cents = Annotated[int, msgspec.Meta(ge=0, le=10**14)]
Code = Annotated[str, msgspec.Meta(pattern=r"^[-a-zA-Z0-9_]{1,50}$")]
Currency = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Z]{3}$", description="ISO 4217, such as `EUR`.")
]
RowId = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Time = Annotated[
    datetime, msgspec.Meta(tz=True, description="RFC 3339, with its zone.")
]
