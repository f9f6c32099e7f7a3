"""The product's settings, less what would make a thousand tests slow or entangled."""

from config.settings import *  # noqa: F403  every setting but those below
from config.settings import DATABASES, STATIC_ROOT

# Argon2 is slow on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# allauth counts attempts in the cache: one test's must not lock out the next.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# What one test switches must not hold in the next.
SWITCHES_SECONDS = 0.0
# The threads of a pool outlive the test that opened it.
DATABASES["default"]["OPTIONS"].pop("pool", None)  # type: ignore[attr-defined]
# The supervisor makes it at a start; whitenoise warns of a folder that is not there.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
# Files as they lie in the tree, so that no test depends on what was collected when.
WHITENOISE_USE_FINDERS = True
