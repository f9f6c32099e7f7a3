"""For admin pages of rows that services alone may write."""


class ReadOnlyMixin:
    """What is shown here is looked at, not typed in."""

    def has_add_permission(self, *_: object) -> bool:
        return False

    def has_change_permission(self, *_: object) -> bool:
        return False

    def has_delete_permission(self, *_: object) -> bool:
        return False
