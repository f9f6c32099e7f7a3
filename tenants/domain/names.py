"""Names that people give to tenants, projects and keys."""

NAME_CHARACTERS_MAX = 100


def clean_name(name: str) -> str | None:
    """`name` on one line without outer spaces; None if it is empty or too long."""
    cleaned = " ".join(name.split())
    is_valid = cleaned and len(cleaned) <= NAME_CHARACTERS_MAX and cleaned.isprintable()
    return cleaned if is_valid else None
