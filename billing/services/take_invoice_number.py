"""Draw the next invoice number of a year."""

from django.db import connection

from billing.domain.invoice import number

# The row stays locked until the invoice that takes the number commits, and a rollback
# gives it back: hence no gap, and hence the last lock that issuing takes.
_DRAW = """
    INSERT INTO billing_invoicenumber (year, last_number) VALUES (%s, 1)
    ON CONFLICT (year)
        DO UPDATE SET last_number = billing_invoicenumber.last_number + 1
    RETURNING last_number
"""


def take_invoice_number(year: int) -> str:
    """Call it late in the transaction that issues the invoice."""
    with connection.cursor() as cursor:
        cursor.execute(_DRAW, [year])
        (sequence,) = cursor.fetchone()
    return number(year, sequence)
