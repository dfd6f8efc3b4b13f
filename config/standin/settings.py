"""Django settings of the stand-in alone; Carat's own settings are never read here."""

from typing import Final

from config.standin import options, policy

_OPTIONS: Final = options.current()

# Nothing here is signed: no sessions, no cookies, no forms that need a secret. Django wants a key.
SECRET_KEY = _OPTIONS.api_key or "unused"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "config.standin.urls"
INSTALLED_APPS = ["config.standin"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
APPEND_SLASH = False

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # Looks at the Host: another site's page cannot reach the stand-in under a name of its own.
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": _OPTIONS.book or ":memory:",
        # A connection lives as long as its thread; the server closes it with the thread.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            # One writer at a time, taken at BEGIN, so what a deed has read stays true.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
    }
]

SECURE_CSP = policy.CONTENT
SECURE_REFERRER_POLICY = "no-referrer"
X_FRAME_OPTIONS = "DENY"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s stand-in %(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "config.standin": {"level": "INFO"},
        "django.request": {"level": "ERROR"},
        # The server's own line for every request would bury the stand-in's.
        "django.server": {"handlers": [], "level": "CRITICAL", "propagate": True},
    },
}
