"""All settings, from the environment. Nothing is started here: addresses are only computed.

Every variable is read once, with its type; all bad ones are reported together. The README's table
of settings is generated from this file by ``manage.py settings_table``: a variable's meaning is the
comment beside it or right above.
"""

from pathlib import Path

from django.utils.csp import CSP

from config import embedded, environment, logs

BASE_DIR = Path(__file__).resolve().parent.parent

env = environment.Environment(eager=False)
env.read_env(BASE_DIR / ".env", recurse=False)

# --- Where Carat runs -------------------------------------------------------------------------

SITE_URL = env.str("SITE_URL", "http://localhost:8000")  # the address people open, without path
SITE_NAME = env.str("SITE_NAME", "Carat")  # the name people read
DEBUG = env.bool("DEBUG", False)  # tracebacks in the browser: never where strangers come
DEMO = env.bool("CARAT_DEMO", False)  # mails can be read on a page: never with real people
# the folder of the embedded servers, the demo's mails and uploads
CARAT_DATA_DIR = Path(env.str("CARAT_DATA_DIR", str(BASE_DIR / ".carat")))
# host names that requests may name
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
# reverse proxies in front whose X-Forwarded-* headers are believed
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", 0)
# header of the edge in front with the visitor's country, as CF-IPCountry; it must overwrite it
COUNTRY_HEADER = env.str("COUNTRY_HEADER", "")
if COUNTRY_HEADER and not TRUSTED_PROXY_COUNT:
    env.refuse("COUNTRY_HEADER", "Anybody can send it: it needs a TRUSTED_PROXY_COUNT above 0.")
LOG_LEVEL = env.str("LOG_LEVEL", "INFO")  # the least level that is logged

# --- Servers ----------------------------------------------------------------------------------

# PostgreSQL 16 or later, by the app's login: set it and REDIS_URL, or neither for embedded servers
_database_url = env.str("DATABASE_URL", "")
REDIS_URL = env.str("REDIS_URL", "")  # Valkey or Redis 7, for queue, cache and live rooms
EMBEDDED = not _database_url and not REDIS_URL
SERVERS = embedded.locate(CARAT_DATA_DIR)
if EMBEDDED:
    _database_url, REDIS_URL = SERVERS.database_url("carat_app", "carat"), SERVERS.redis_url
_owner_url = SERVERS.database_url("carat", "carat") if EMBEDDED else _database_url
if not (_database_url and REDIS_URL):
    env.refuse("DATABASE_URL, REDIS_URL", "Set both, or neither to run the embedded servers.")
# connections that one process may open
DATABASE_POOL_MAX = env.int("DATABASE_POOL_MAX", 8)
DATABASES = {
    "default": environment.pooled(
        env.database("DATABASE_URL", _database_url), connections_max=DATABASE_POOL_MAX
    )
}
# the login that owns the tables: commands that change them become it (config/database.py)
DATABASE_OWNER = env.database("DATABASE_OWNER_URL", _owner_url)
# the queue, where it is not in REDIS_URL
BROKER_URL = env.str("BROKER_URL", SERVERS.broker_url if EMBEDDED else REDIS_URL)
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
}
# signs sessions and links: long, random and the same for all processes
SECRET_KEY = env.str("SECRET_KEY", embedded.secret_key(CARAT_DATA_DIR) if EMBEDDED else "")
if not SECRET_KEY:
    env.refuse("SECRET_KEY", "Not set.")
# encrypt bank accounts, tax numbers and papers, each as name:key with 32 random bytes in base64;
# the first encrypts, all decrypt: put a new one in front and keep the last for good
ENCRYPTION_KEYS: list[str] = env.list(
    "ENCRYPTION_KEYS", [embedded.encryption_key(CARAT_DATA_DIR)] if EMBEDDED else []
)
if not ENCRYPTION_KEYS:
    env.refuse("ENCRYPTION_KEYS", "Not set. Make one: echo 1:$(openssl rand -base64 32)")
if not all(environment.is_encryption_key(key) for key in ENCRYPTION_KEYS):
    env.refuse("ENCRYPTION_KEYS", "Each is a name, a colon and 32 random bytes in base64.")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Money ------------------------------------------------------------------------------------

STRIPE_API_KEY = env.str("STRIPE_API_KEY", "")  # the account's secret key: none, no card payments
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", "")  # signing secret of /hooks/stripe/
# signing secret of /hooks/stripe-connect/, for creators' accounts
STRIPE_CONNECT_WEBHOOK_SECRET = env.str("STRIPE_CONNECT_WEBHOOK_SECRET", "")
STRIPE_API_URL = env.str("STRIPE_API_URL", "https://api.stripe.com")  # where Stripe is asked
# where people pay
STRIPE_CHECKOUT_ORIGIN = env.str("STRIPE_CHECKOUT_ORIGIN", "https://checkout.stripe.com")
# where creators open their accounts
STRIPE_CONNECT_ORIGIN = env.str("STRIPE_CONNECT_ORIGIN", "https://connect.stripe.com")
STANDIN_BANK_URL = env.str("STANDIN_BANK_URL", "")  # the stand-in bank: moves no real money
STANDIN_BANK_KEY = env.str("STANDIN_BANK_KEY", "")  # its key
ALLOW_STANDIN = env.bool("ALLOW_STANDIN", False)  # allow addresses that are not the real ones

CURRENCIES = (
    "AED", "AUD", "BRL", "CAD", "CHF", "EUR", "GBP", "INR", "JPY",
    "KES", "KRW", "KWD", "MXN", "PEN", "USD", "VND",
)  # fmt: skip
DEFAULT_CURRENCY = "USD"
RATE_CARD_NOTICE_DAYS = env.int("RATE_CARD_NOTICE_DAYS", 30)  # before a worse card may begin
PRICE_NOTICE_DAYS = env.int("PRICE_NOTICE_DAYS", 30)  # before a higher price of coins may begin
MARGIN_FLOOR_BPS = env.int("MARGIN_FLOOR_BPS", 1000)  # least part of a price that Carat keeps
LIMIT_NOTICE_DAYS = env.int("LIMIT_NOTICE_DAYS", 30)  # before a lower limit on buying may begin
PURCHASES_A_DAY_MAX = env.int("PURCHASES_A_DAY_MAX", 5)  # purchases of one person in 24 hours
# purchases that one person may start in 7 days
PURCHASE_ATTEMPTS_A_WEEK_MAX = env.int("PURCHASE_ATTEMPTS_A_WEEK_MAX", 15)
# purchases that may be started from one network in 7 days: many people can share one
NETWORK_ATTEMPTS_A_WEEK_MAX = env.int("NETWORK_ATTEMPTS_A_WEEK_MAX", 60)
# cards and accounts that one person may pay with in 7 days
INSTRUMENTS_A_WEEK_MAX = env.int("INSTRUMENTS_A_WEEK_MAX", 3)
# a fan who raises an own limit above this many US dollars, or ends it, waits 72 hours, not 24
OWN_LIMIT_LARGE_USD = env.int("OWN_LIMIT_LARGE_USD", 1000)
FX_MAX_AGE_HOURS = env.int("FX_MAX_AGE_HOURS", 96)  # an older exchange rate stops the settlement
# a rate that moves more than this waits for a second person, in hundredths of a percent
FX_JUMP_MAX_BPS = env.int("FX_JUMP_MAX_BPS", 1000)
DEBT_SHARE_BPS = env.int("DEBT_SHARE_BPS", 5000)  # most of a release that repays a creator's debt
PERIOD_S = env.int("PERIOD_SECONDS", 600)  # length of the ledger's periods
# when settlements are due: weekly (Mondays) or monthly (the 1st), at 00:00 UTC
SETTLEMENT_CALENDAR = env.str("SETTLEMENT_CALENDAR", "weekly")
if SETTLEMENT_CALENDAR not in {"weekly", "monthly"}:
    env.refuse("SETTLEMENT_CALENDAR", "It is weekly or monthly.")
# time between settlements in place of the calendar's, for demos; 0: by the calendar
SETTLEMENT_INTERVAL_S = env.int("SETTLEMENT_INTERVAL_SECONDS", 0)
# from this settlement on, in cents of a US dollar, two members of staff agree before it begins
SETTLEMENT_SECOND_PERSON_USD_CENTS = env.int("SETTLEMENT_SECOND_PERSON_USD_CENTS", 10_000_000)
# the least payout, in cents of a US dollar
PAYOUT_MINIMUM_USD_CENTS = env.int("PAYOUT_MINIMUM_USD_CENTS", 1000)
# the most a creator is paid out in 24 hours, in cents of a US dollar
PAYOUT_DAY_MAX_USD_CENTS = env.int("PAYOUT_DAY_MAX_USD_CENTS", 100_000)
# the same in 7 days
PAYOUT_WEEK_MAX_USD_CENTS = env.int("PAYOUT_WEEK_MAX_USD_CENTS", 500_000)
# what a creator pays for a payout by rail, in cents of a US dollar, as sepa=20,stripe=25
PAYOUT_FEES_USD_CENTS: dict[str, int] = env.dict("PAYOUT_FEES_USD_CENTS", {}, subcast_values=int)
# from this payout on, a second member of staff agrees
PAYOUT_SECOND_PERSON_USD_CENTS = env.int("PAYOUT_SECOND_PERSON_USD_CENTS", 100_000)
# the ways creators can be paid, of: bank (the stand-in), sepa, stripe
PAYOUT_RAILS: list[str] = env.list("PAYOUT_RAILS", ["bank"])
if not set(PAYOUT_RAILS) <= {"bank", "sepa", "stripe"}:
    env.refuse("PAYOUT_RAILS", "Each is one of bank, sepa and stripe.")
SEPA_DEBTOR_NAME = env.str("SEPA_DEBTOR_NAME", "")  # whose account pays SEPA transfers
SEPA_DEBTOR_IBAN = env.str("SEPA_DEBTOR_IBAN", "")  # its IBAN
SEPA_DEBTOR_BIC = env.str("SEPA_DEBTOR_BIC", "")  # its bank's BIC
# time between SEPA files; 0: working days at 08:00 UTC
SEPA_INTERVAL_S = env.int("SEPA_INTERVAL_SECONDS", 0)
# how long payouts wait after a creator has changed where they go
DESTINATION_HOLD_DAYS = env.int("DESTINATION_HOLD_DAYS", 7)
# from this refund on, a second member of staff agrees
REFUND_SECOND_PERSON_USD_CENTS = env.int("REFUND_SECOND_PERSON_USD_CENTS", 20_000)
# paid but not credited for this long: staff are told
UNCREDITED_ALERT_S = env.int("UNCREDITED_ALERT_SECONDS", 300)
# days after joining before a creator is paid
ELIGIBLE_AFTER_DAYS = env.int("ELIGIBLE_AFTER_DAYS", 30)
# followers that a creator needs to be paid
ELIGIBLE_FOLLOWERS_MIN = env.int("ELIGIBLE_FOLLOWERS_MIN", 0)
# months without a payout after which a creator's money is listed as unclaimed; look up your law's
UNCLAIMED_AFTER_MONTHS = env.int("UNCLAIMED_AFTER_MONTHS", 12)
# followers from which large earnings need no look at the creator's audience
EARNINGS_FOLLOWERS_MIN = env.int("EARNINGS_FOLLOWERS_MIN", 50)
# the same for people watching a live at once, the mean of the lives of 30 days
EARNINGS_VIEWERS_MIN = env.int("EARNINGS_VIEWERS_MIN", 5)
# ways to verify who somebody is, as dotted paths of adapters in the order they are offered
IDENTITY_ADAPTERS: list[str] = env.list("IDENTITY_ADAPTERS", ["accounts.providers.manual.Manual"])
# days after the decision when identity papers are deleted
IDENTITY_PAPER_DAYS = env.int("IDENTITY_PAPER_DAYS", 30)
STANDIN_IDENTITY_URL = env.str("STANDIN_IDENTITY_URL", "")  # the stand-in that verifies nobody
STANDIN_IDENTITY_KEY = env.str("STANDIN_IDENTITY_KEY", "")  # its key
GIFT_CONFIRM_COINS = env.int("GIFT_CONFIRM_COINS", 1000)  # from here on, a gift is asked about
GIFT_UNDO_COINS = env.int("GIFT_UNDO_COINS", 5000)  # from here on, a gift can be taken back
GIFT_UNDO_S = env.int("GIFT_UNDO_SECONDS", 10)  # how long, before it is sent
# after so long on live pages, fans are told how long and what they spent; 0: never
BREAK_AFTER_MIN = env.int("BREAK_AFTER_MINUTES", 60)
VIDEO_ORIGINS: list[str] = env.list("VIDEO_ORIGINS", [])  # origins that videos may come from
# folder of fonts for receipts in letters other than Latin, Greek and Cyrillic
DOCUMENT_FONTS_DIR = env.str("DOCUMENT_FONTS_DIR", "")

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
    "config.statics.static_files",
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
    "config.middleware.RequestLogMiddleware",
    "config.middleware.PrivatePagesMiddleware",
    "config.middleware.ViewerMiddleware",
    "config.middleware.StaffSecondFactorMiddleware",
    "config.middleware.StaffEditsMiddleware",
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
        else "config.statics.HashedFiles"
    },
}
STATIC_URL = "/static/"
# where collectstatic puts the files that the site serves
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
DEVICE_COOKIE_NAME = "__Host-device" if _https else "carat_device"
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
    "form-action": [CSP.SELF, STRIPE_CHECKOUT_ORIGIN, STRIPE_CONNECT_ORIGIN],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "object-src": [CSP.NONE],
}
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
_validators = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_validators}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_validators}.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": f"{_validators}.CommonPasswordValidator"},
    {"NAME": f"{_validators}.NumericPasswordValidator"},
]

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
# PEM key that signs the tokens of services
IDP_OIDC_PRIVATE_KEY = env.str("OIDC_PRIVATE_KEY", "").replace("\\n", "\n")

# --- Mail -------------------------------------------------------------------------------------

DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Carat <carat@localhost>")  # the sender
SERVER_EMAIL = DEFAULT_FROM_EMAIL
OPERATOR_EMAIL = env.str("OPERATOR_EMAIL", "")  # who is told when money needs a person
# the mail server, as smtp+tls://user:password@host:587; embedded: mails are files
_email = env.dj_email_url("EMAIL_URL", "smtp://localhost:25")
MAILERS = (
    environment.mail_to_files(CARAT_DATA_DIR / "mail")
    if DEMO or EMBEDDED
    else environment.mail_by_smtp(_email or {})
)

# --- API --------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["config.api.ServiceAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["config.api.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.api.Body"],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_THROTTLE_CLASSES": ["config.api.ServiceThrottle"],
    # how often one service may call the API
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

LOGGING = logs.settings(level=LOG_LEVEL)

env.seal()
