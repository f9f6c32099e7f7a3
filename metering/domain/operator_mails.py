"""What operators are mailed about usage and engines."""

from collections.abc import Sequence

from tenants.domain.letters import Letter, Text, gettext_noop

NAMED_MAX = 20
"""Files in one mail; the others are counted."""


def drift_mail(statement: str) -> Letter:
    """`statement`: in the words of the command that repeats it, which are English."""
    return Letter(
        subject=gettext_noop("Tokenfab: the engines and the usage events differ"),
        paragraphs=(
            gettext_noop(
                "The engines counted other tokens than the usage events of the day say."
                " The statement:"
            ),
            statement,
            gettext_noop("docs/metering.md says what each difference can come from."),
        ),
    )


def quarantine_mail(names: Sequence[str]) -> Letter:
    """`names`: of the files, within `journal/quarantine/`."""
    listed = "\n".join(f"- {name}" for name in names[:NAMED_MAX])
    return Letter(
        subject=gettext_noop("Tokenfab: usage was set aside and is not billed"),
        paragraphs=(
            gettext_noop(
                "These records of the usage journal could not be stored. They lie in"
                " journal/quarantine/ and are not billed:"
            ),
            listed,
            *_more(len(names) - NAMED_MAX),
            gettext_noop(
                "Look at one with “manage.py journal inspect”, mend it, and ship it"
                " with “manage.py journal replay”. docs/operations.md says how."
            ),
        ),
    )


def _more(count: int) -> tuple[Text, ...]:
    return (gettext_noop("And %(count)s more.", count=count),) if count > 0 else ()
