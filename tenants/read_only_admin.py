"""For admin pages of rows that services alone may write."""


class NeitherAddedNorDeletedMixin:
    def has_add_permission(self, *_: object) -> bool:
        return False

    def has_delete_permission(self, *_: object) -> bool:
        return False


class ReadOnlyMixin(NeitherAddedNorDeletedMixin):
    """What is shown here is looked at, not typed in."""

    def has_change_permission(self, *_: object) -> bool:
        return False
