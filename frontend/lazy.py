"""Texts of forms and of modules, which are translated when they are shown."""

from collections.abc import Callable
from typing import cast

from django.utils.translation import gettext_lazy

lazy = cast("Callable[[str], str]", gettext_lazy)
"""Imported as `_`. What it returns may be used wherever a text may, except for where
nothing but a `str` is one, such as `" ".join`.
"""
