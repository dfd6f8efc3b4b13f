"""All settings, from the environment. Nothing is started here: addresses are only computed.

Every variable is read once, with its type; all bad ones are reported together. The README's table
of settings is generated from this file by ``manage.py settings_table``.
"""

from pathlib import Path
from typing import Any

import dj_database_url
from django.utils.csp import CSP
from environs import Env

from config import embedded

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env(eager=False)
env.read_env(BASE_DIR / ".env", recurse=False)

# --- Where Carat runs -------------------------------------------------------------------------

SITE_URL: str = env.str("SITE_URL", "http://localhost:8000")
SITE_NAME: str = env.str("SITE_NAME", "Carat")
DEBUG: bool = env.bool("DEBUG", False)
DEMO: bool = env.bool("CARAT_DEMO", False)
CARAT_DATA_DIR = Path(env.str("CARAT_DATA_DIR", str(BASE_DIR / ".carat")))
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
TRUSTED_PROXY_COUNT: int = env.int("TRUSTED_PROXY_COUNT", 0)
LOG_LEVEL: str = env.str("LOG_LEVEL", "INFO")

_database_url: str = env.str("DATABASE_URL", "")
_redis_url: str = env.str("REDIS_URL", "")
EMBEDDED = not _database_url and not _redis_url
SECRET_KEY: str = env.str("SECRET_KEY", embedded.secret_key(CARAT_DATA_DIR) if EMBEDDED else "")

# --- Servers ----------------------------------------------------------------------------------

SERVERS = embedded.locate(CARAT_DATA_DIR)
if EMBEDDED:
    _database_url = SERVERS.database_url("carat_app", "carat")
    _redis_url = SERVERS.redis_url
_owner_url: str = env.str(
    "DATABASE_OWNER_URL", SERVERS.database_url("carat", "carat") if EMBEDDED else _database_url
)
BROKER_URL: str = SERVERS.broker_url if EMBEDDED else env.str("BROKER_URL", _redis_url)
REDIS_URL = _redis_url
DATABASE_POOL_MAX: int = env.int("DATABASE_POOL_MAX", 8)

if not EMBEDDED and not (_database_url and _redis_url):
    # Both join the report of all bad variables.
    env._errors["DATABASE_URL, REDIS_URL"].extend(  # noqa: SLF001
        ["Set both, or neither to run the embedded servers."]
    )
if not SECRET_KEY:
    env._errors["SECRET_KEY"].extend(["Environment variable not set."])  # noqa: SLF001


def _parsed(url: str) -> dict[str, Any]:
    parsed: dict[str, Any] = dict(dj_database_url.parse(url))
    parsed["HOST"] = parsed.get("OPTIONS", {}).pop("host", parsed["HOST"])  # a socket's directory
    return parsed


def _database(url: str) -> dict[str, Any]:
    parsed = _parsed(url)
    options = parsed.setdefault("OPTIONS", {})
    options["pool"] = {"min_size": 1, "max_size": DATABASE_POOL_MAX, "timeout": 10}
    # Statements of the hot path are kept planned (gifts.facts.prepared_cursor); others are not.
    options["prepare_threshold"] = 5
    # Bounds on every wait, so that nothing holds the fold horizon or a wallet for long.
    options["options"] = (
        "-c lock_timeout=5s -c statement_timeout=30s -c idle_in_transaction_session_timeout=15s"
    )
    return parsed


DATABASES = {"default": _database(_database_url)}
# The login that owns the tables. Commands that change them become it: see config/database.py.
DATABASE_OWNER = _parsed(_owner_url)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
}

# --- Money ------------------------------------------------------------------------------------

STRIPE_API_KEY: str = env.str("STRIPE_API_KEY", "")
STRIPE_WEBHOOK_SECRET: str = env.str("STRIPE_WEBHOOK_SECRET", "")
STRIPE_API_URL: str = env.str("STRIPE_API_URL", "https://api.stripe.com")
STRIPE_CHECKOUT_ORIGIN: str = env.str("STRIPE_CHECKOUT_ORIGIN", "https://checkout.stripe.com")
STANDIN_BANK_URL: str = env.str("STANDIN_BANK_URL", "")
STANDIN_BANK_KEY: str = env.str("STANDIN_BANK_KEY", "")
ALLOW_STANDIN: bool = env.bool("ALLOW_STANDIN", False)

CURRENCIES = (
    "AED", "AUD", "BRL", "CAD", "CHF", "EUR", "GBP", "INR", "JPY",
    "KES", "KRW", "KWD", "MXN", "PEN", "USD", "VND",
)  # fmt: skip
DEFAULT_CURRENCY = "USD"
RATE_CARD_NOTICE_DAYS: int = env.int("RATE_CARD_NOTICE_DAYS", 30)
MARGIN_FLOOR_BPS: int = env.int("MARGIN_FLOOR_BPS", 1000)
FX_MAX_AGE_HOURS: int = env.int("FX_MAX_AGE_HOURS", 96)
DEBT_SHARE_BPS: int = env.int("DEBT_SHARE_BPS", 5000)
PERIOD_S: int = env.int("PERIOD_SECONDS", 600)
SETTLEMENT_INTERVAL_S: int = env.int("SETTLEMENT_INTERVAL_SECONDS", 0)  # 0: Mondays, 00:00 UTC
PAYOUT_MINIMUM_USD_CENTS: int = env.int("PAYOUT_MINIMUM_USD_CENTS", 1000)
PAYOUT_SECOND_PERSON_USD_CENTS: int = env.int("PAYOUT_SECOND_PERSON_USD_CENTS", 100_000)
UNCREDITED_ALERT_S: int = env.int("UNCREDITED_ALERT_SECONDS", 300)
GIFT_CONFIRM_COINS: int = env.int("GIFT_CONFIRM_COINS", 1000)
VIDEO_ORIGINS: list[str] = env.list("VIDEO_ORIGINS", [])

# --- Django -----------------------------------------------------------------------------------

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
SILENCED_SYSTEM_CHECKS = ["auth.W004"]  # the email is unique by a constraint on its lower case
INSTALLED_APPS = [
    "config",
    "accounts",
    "wallet",
    "gifts",
    "payouts",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "servestatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.idp.oidc",
    "django_countries",
    "django_htmx",
    "djmoney",
    "pgtrigger",
    "pghistory",
    "rest_framework",
    "drf_spectacular",
    "django_structlog",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "config.middleware.PrivatePagesMiddleware",
    "config.middleware.ViewerMiddleware",
    "config.middleware.StaffSecondFactorMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.site",
            ],
            "builtins": ["config.templatetags.carat"],
        },
    }
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if EMBEDDED
        else "servestatic.storage.CompressedManifestStaticFilesStorage"
    },
}
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(CARAT_DATA_DIR / "static")))
MEDIA_ROOT = CARAT_DATA_DIR / "media"
SERVESTATIC_USE_FINDERS = EMBEDDED
SERVESTATIC_AUTOREFRESH = DEBUG

LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", "English"), ("en-gb", "English (UK)"), ("de", "Deutsch"), ("es", "Español"),
    ("fr", "Français"), ("hi", "हिन्दी"), ("id", "Indonesia"), ("it", "Italiano"), ("ja", "日本語"),
    ("ko", "한국어"), ("pt-br", "Português (Brasil)"), ("sw", "Kiswahili"), ("vi", "Tiếng Việt"),
]  # fmt: skip
USE_TZ = True
TIME_ZONE = "UTC"
FORMS_URLFIELD_ASSUME_HTTPS = True

# --- Security ---------------------------------------------------------------------------------

_https = SITE_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [SITE_URL]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_NAME = "__Host-session" if _https else "carat_session"
CSRF_COOKIE_NAME = "__Host-csrf" if _https else "carat_csrf"
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SECURE_SSL_REDIRECT = _https
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_COUNT else None
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "media-src": [CSP.SELF, *VIDEO_ORIGINS],
    # A browser also checks where a posted form is redirected to: the provider's checkout.
    "form-action": [CSP.SELF, STRIPE_CHECKOUT_ORIGIN],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "object-src": [CSP.NONE],
}
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTH_PASSWORD_VALIDATORS[1]["OPTIONS"] = {"min_length": 10}  # type: ignore[assignment]

# --- Signing in -------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["config.signin.Backend"]
LOGIN_REDIRECT_URL = "home"
LOGIN_URL = "account_login"
ACCOUNT_ADAPTER = "config.signin.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_FORMS = {"signup": "config.signin.SignupForm"}
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.forms.SignupForm"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _https
MFA_TOTP_ISSUER = SITE_NAME
USERSESSIONS_TRACK_ACTIVITY = False
IDP_OIDC_ADAPTER = "config.signin.ServiceAdapter"
IDP_OIDC_PRIVATE_KEY: str = env.str("OIDC_PRIVATE_KEY", "").replace("\\n", "\n")

# --- Mail -------------------------------------------------------------------------------------

DEFAULT_FROM_EMAIL: str = env.str("DEFAULT_FROM_EMAIL", "Carat <carat@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
OPERATOR_EMAIL: str = env.str("OPERATOR_EMAIL", "")
_email: dict[str, Any] = env.dj_email_url("EMAIL_URL", "dummymail:")
if DEMO or EMBEDDED:
    MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "OPTIONS": {"file_path": str(CARAT_DATA_DIR / "mail")},
        }
    }
else:
    MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "OPTIONS": {
                "host": _email.get("EMAIL_HOST") or "localhost",
                "port": _email.get("EMAIL_PORT") or 25,
                "username": _email.get("EMAIL_HOST_USER") or "",
                "password": _email.get("EMAIL_HOST_PASSWORD") or "",
                "use_tls": bool(_email.get("EMAIL_USE_TLS")),
                "use_ssl": bool(_email.get("EMAIL_USE_SSL")),
                "timeout": 10,
            },
        }
    }

# --- API --------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["config.api.ServiceAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["config.api.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.api.Body"],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_THROTTLE_CLASSES": ["config.api.ServiceThrottle"],
    "DEFAULT_THROTTLE_RATES": {"service": env.str("API_THROTTLE", "6000/min")},
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.problems.handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Carat API",
    "DESCRIPTION": "Coins, gifts, diamonds and payouts for services.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "POSTPROCESSING_HOOKS": ["config.schema.problems"],
}

# --- Logs -------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logs.formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
}

env.seal()
