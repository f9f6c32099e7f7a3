"""Django settings. Everything from outside comes through `config.environment`."""

from datetime import timedelta
from pathlib import Path, PurePath
from urllib.parse import urlsplit

import dj_database_url

from config import shared_tables
from config.environment import REPOSITORY, load, secret, value
from config.schedule import BEAT_SCHEDULE

ENVIRONMENT = load()
HOME = ENVIRONMENT.home
DEBUG = ENVIRONMENT.debug
SECRET_KEY = secret("DJANGO_SECRET_KEY")

# The documents that the portal shows.
DOCS_FOLDER = REPOSITORY / "docs"
PORTAL_URL = ENVIRONMENT.portal_url
API_URL = ENVIRONMENT.api_url
# Where the control plane itself reaches the proxies, when that is not in public.
PROXY_URL = ENVIRONMENT.proxy_url
_portal = urlsplit(PORTAL_URL)
ALLOWED_HOSTS = [_portal.hostname or "127.0.0.1", "127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = [PORTAL_URL]
IS_HTTPS = _portal.scheme == "https"
# Nobody but this machine's user: what would be unsafe in public is allowed.
IS_LOCAL = _portal.hostname in {"127.0.0.1", "localhost", "::1"}
if IS_HTTPS:
    # TLS ends at a front server, which is the only one that reaches our loopback port.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    ALLAUTH_TRUSTED_PROXY_COUNT = 1
    ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https"

INSTALLED_APPS = [
    "config",
    "frontend",
    "billing",
    "metering",
    "inference",
    "tenants",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_htmx",
    "django_countries",
    "pgtrigger",
    "rest_framework",
    "drf_spectacular",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "frontend.middleware.content_security_policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "frontend.middleware.compress_pages",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "frontend.language.speak",
    "frontend.middleware.name_the_actor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "frontend.context.portal",
            ],
        },
    }
]

# The pool forbids persistent connections; it hands out its own.
_database = dj_database_url.parse(
    ENVIRONMENT.database_url or "postgres://tokenfab@127.0.0.1:5432/tokenfab"
)
DATABASES = {
    "default": {
        **_database,
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            **_database.get("OPTIONS", {}),
            # The pool doubles its pause between tries to connect until it has tried
            # for so long. By its default we would be away minutes after PostgreSQL
            # came back.
            "pool": {
                "min_size": 0,
                "max_size": 8,
                "timeout": 10,
                "reconnect_timeout": 10,
            },
            "connect_timeout": 5,
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Database 0 holds snapshots and limits, 1 Django's cache, 2 the Celery broker.
VALKEY_URL = ENVIRONMENT.valkey_url or "redis://127.0.0.1:6379"


def _valkey_database(number: int) -> str:
    return urlsplit(VALKEY_URL)._replace(path=f"/{number}").geturl()


# Without, a Valkey that is stuck holds pages and workers for ever, even against being
# stopped. Longer than the broker's own wait for messages (1 s).
_VALKEY_TIMEOUTS = {"socket_timeout": 3, "socket_connect_timeout": 3}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": _valkey_database(1),
        "OPTIONS": _VALKEY_TIMEOUTS,
    }
}
CELERY_BROKER_URL = _valkey_database(2)
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = _VALKEY_TIMEOUTS
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_TIME_LIMIT = 300
CELERY_BEAT_SCHEDULE = BEAT_SCHEDULE
SHARED_TABLES = shared_tables.SHARED_TABLES
# The snapshot key signs what the proxies believe; they get it by environment.
SNAPSHOT_KEY = secret("SNAPSHOT_KEY").encode()
# The secrets of webhook endpoints follow from it; changed, all of them change.
WEBHOOK_KEY = secret("WEBHOOK_KEY").encode()
# A snapshot is renewed every minute. A control plane that is down for a day stops
# the data plane: by then nobody can say which keys were revoked.
SNAPSHOT_LIFETIME = timedelta(days=1)
# Key policies are the tenants' app's, and who pays by which prices is billing's, which
# the former must not import.
PRICE_BOOKS_OF_TENANTS = "billing.services.prices.price_of.price_books_of_tenants"
# Likewise what a tenant is on from its first second, in the transaction that opens it.
TENANT_OPENED = "billing.services.plans.start_default_plan.start_default_plan"
# Code of the plan that new tenants are put on; empty: none, they pay as they go.
DEFAULT_PLAN = value("DEFAULT_PLAN")
# Of new tenants that nobody chose one for: a code of `tenants/domain/currency.py`.
DEFAULT_CURRENCY = value("DEFAULT_CURRENCY", "USD")
JOURNAL_FOLDER = HOME / "journal"
ENGINE_PROGRESS_FILE = ENVIRONMENT.engine_progress_file
ENGINE_KEY = secret("ENGINE_KEY")
# Signs receipts and invoices (Ed25519). Another text here is another key; the public
# half of the old one stays known.
RECEIPT_KEY = secret("RECEIPT_KEY")
ENGINE_IS_SIMULATOR = ENVIRONMENT.engine == "simulator"
ENGINE_URLS = ENVIRONMENT.engine_urls
_engine_socket = value("ENGINE_SOCKET") or HOME / "run" / "engine.sock"
ENGINE_ADDRESSES = ENGINE_URLS or (f"unix:{_engine_socket}",)
ENGINE_CONTEXT_TOKENS = int(value("ENGINE_CONTEXT_TOKENS", "4096"))
ENGINE_MODEL = value("MODEL")
ENGINE_MODELS = Path(value("ENGINE_MODELS") or HOME / "models").absolute()
# The public name of what the engines serve; MODEL is a path or a hub name.
SERVED_MODEL_NAME = (
    value("SERVED_MODEL_NAME")
    or PurePath(value("MODEL")).name.lower()
    or "smollm2-135m-instruct"
)

# So long a process goes by what it knows of the operator's switches.
SWITCHES_SECONDS = 2.0

# Who decides which tax a sale bears: a class with `billing.domain.taxes.TaxEngine`.
TAX_ENGINE = value("TAX_ENGINE", "billing.services.taxes.quote_tax.OwnTaxEngine")

AUTH_USER_MODEL = "tenants.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": f"{_VALIDATION}.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "tenants.sign_up.SignUpAdapter"
ACCOUNT_FORMS = {"signup": "frontend.accounts.sign_up_form.SignUpForm"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_CHANGE_EMAIL = True
# Of whoever changes the address: an open session alone must not take the account over.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# A changed password or second factor is told by mail.
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
ACCOUNT_SESSION_REMEMBER = True
MFA_FORMS = {"deactivate_totp": "frontend.accounts.views.second_factor.EndTotpForm"}
MFA_ADAPTER = "tenants.two_factor.TwoFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Tokenfab"
# Browsers make passkeys on http://localhost too, and nowhere else without TLS.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = IS_LOCAL and not IS_HTTPS

# Without a mail server, mails are files that the portal shows at /dev/mailbox/, and
# only there: the page lets its reader take over any user, so it must stay local.
EMAIL_URL = value("EMAIL_URL")
MAILBOX_FOLDER = HOME / "mail"
HAS_MAILBOX = not EMAIL_URL and IS_LOCAL
DEFAULT_FROM_EMAIL = value("EMAIL_FROM", "Tokenfab <no-reply@localhost>")
if EMAIL_URL:
    _mail = urlsplit(EMAIL_URL)
    EMAIL_HOST, EMAIL_PORT = _mail.hostname, _mail.port or 587
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.username or "", _mail.password or ""
    EMAIL_USE_TLS = _mail.scheme == "smtp+tls"
    EMAIL_TIMEOUT = 10
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = MAILBOX_FOLDER

# Without a key nobody is charged by card: tenants pay by bank transfer.
STRIPE_API_KEY = value("STRIPE_API_KEY")
STRIPE_WEBHOOK_SECRET = value("STRIPE_WEBHOOK_SECRET")
# Another address is that of a simulator; a live key refuses to boot with it.
STRIPE_API_BASE = value("STRIPE_API_BASE", "https://api.stripe.com")

STATIC_URL = "/static/"
# Filled by `collectstatic`, each file with its compressed twin; `make up` and the
# image run it.
STATIC_ROOT = HOME / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_ALLOW_ALL_ORIGINS = False
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [REPOSITORY / "locale"]
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SAMESITE, LANGUAGE_COOKIE_SECURE = "Lax", IS_HTTPS
LANGUAGE_COOKIE_HTTPONLY, LANGUAGE_COOKIE_AGE = True, 31_536_000
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576

# The management API. Its views name what else the framework needs.
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "billing.api.v1.refusals.answer_error",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tokenfab management API",
    "DESCRIPTION": "Usage, money and events of a tenant. Amounts are whole nanos"
    " (10^-9) or cents of the tenant's currency; times are RFC 3339 in UTC.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": ["billing.api.v1.document.complete_document"],
}
# Of one caller; coarse, to keep a runaway script from the pages.
API_REQUESTS_PER_MINUTE = 600

UNFOLD = {
    "SITE_TITLE": "Tokenfab",
    "SITE_HEADER": "Tokenfab",
    "SITE_URL": "/operator/",
    "SITE_ICON": f"{STATIC_URL}frontend/logo.svg",
    # The portal's green, from light to dark; 600 bears white text.
    "COLORS": {
        "primary": {
            "50": "oklch(98.4% .014 181)",
            "100": "oklch(95.3% .051 181)",
            "200": "oklch(91% .09 181)",
            "300": "oklch(85.5% .12 182)",
            "400": "oklch(77.7% .13 182)",
            "500": "oklch(66% .12 184)",
            "600": "oklch(51.1% .093 186)",
            "700": "oklch(43.7% .078 188)",
            "800": "oklch(38.6% .063 188)",
            "900": "oklch(32% .052 190)",
            "950": "oklch(27.7% .046 192)",
        }
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    # One line a request is the front server's job; httpx would log each health check.
    "loggers": {
        "httpx": {"level": "WARNING"},
        "pgtrigger": {"level": "WARNING"},
        "stripe": {"level": "WARNING"},
    },
}
