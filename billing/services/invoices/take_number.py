"""Draw the next number of a series and year."""

from django.db import connection

from billing.domain.invoice import number

# The row stays locked until the document that takes the number commits, and a rollback
# gives it back: hence no gap, and hence the last lock that issuing takes.
_DRAW = """
    INSERT INTO billing_documentnumber (series, year, last_number) VALUES (%s, %s, 1)
    ON CONFLICT (series, year)
        DO UPDATE SET last_number = billing_documentnumber.last_number + 1
    RETURNING last_number
"""


def take_number(series: str, *, year: int) -> str:
    """Call it late in the transaction that issues the document. A legal entity's
    invoices have its prefix as their series, its credit notes the prefix with `-CN`.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DRAW, [series, year])
        (sequence,) = cursor.fetchone()
    return number(series, year=year, sequence=sequence)
