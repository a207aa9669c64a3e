"""Settings, all from the environment. `./run` provides them; docs/structure.md lists them."""

import hashlib
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def env(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set. Start through ./run, or set it in the environment.")
    return value


def env_flag(name: str, default: str = "0") -> bool:
    return env(name, default).lower() in {"1", "true", "yes", "on"}


def database(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("DATABASE_URL must look like postgresql://login:password@host:port/database")
    return {
        "ENGINE": "tenancy.db",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "127.0.0.1",
        "PORT": str(parts.port or 5432),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, "application_name": "keel"},
    }


DEBUG = env_flag("KEEL_DEBUG")
SECRET_KEY = env("KEEL_SECRET_KEY")
KEEL_STATE_DIR = Path(env("KEEL_STATE_DIR", str(BASE_DIR / ".run")))
KEEL_FIELD_KEY = env("KEEL_FIELD_KEY", hashlib.sha256(b"field|" + SECRET_KEY.encode()).hexdigest())
KEEL_PG_DUMP = env("KEEL_PG_DUMP", "")
KEEL_HTTPS = env_flag("KEEL_HTTPS")
KEEL_PORT = env("KEEL_PORT", "")
ALLOWED_HOSTS = [host for host in env("KEEL_ALLOWED_HOSTS", ".localhost,127.0.0.1").split(",") if host]

KEEL_AS_OWNER = env_flag("KEEL_AS_OWNER")
DATABASE_OWNER = database(env("DATABASE_OWNER_URL", env("DATABASE_URL")))
DATABASES = {"default": DATABASE_OWNER if KEEL_AS_OWNER else database(env("DATABASE_URL"))}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SHARED_APPS = ["django_tenants", "tenancy"]
TENANT_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "mptt",
    "core",
    "access",
    "ledger",
    "mt4bridge",
    "notifications",
    "clients",
    "trading",
    "ib",
    "commissions",
]
INSTALLED_APPS = [
    "tenancy",
    "django_tenants",
    *TENANT_APPS,
    "django.contrib.postgres",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_cotton",
    "ui",
    "portal",
    "backoffice",
    "crm",
]
TENANT_MODEL = "tenancy.Broker"
TENANT_DOMAIN_MODEL = "tenancy.Host"
TENANT_LIMIT_SET_CALLS = False
AUTH_USER_MODEL = "access.User"
KEEL_RELAY_NETWORKS = [each for each in env("KEEL_RELAY_NETWORKS", "").split(",") if each]
AUTHENTICATION_BACKENDS = ["access.backends.SessionBackend"]
KEEL_PROXIES = int(env("KEEL_PROXIES", "0"))

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "ui.middleware.PageHeaders",
    "access.middleware.RequestName",
    "django.middleware.locale.LocaleMiddleware",
    "tenancy.middleware.BrokerMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "access.middleware.SessionLimits",
    "django.contrib.messages.middleware.MessageMiddleware",
    "ui.errors.DomainErrors",
]
ROOT_URLCONF = "crm.urls"
WSGI_APPLICATION = "crm.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "ui.context.page",
            ],
            "builtins": ["django.templatetags.i18n", "django.templatetags.static", "ui.templatetags.ui"],
        },
    }
]

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "/sign-in/"
CSRF_FAILURE_VIEW = "ui.errors.csrf_failure"

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = "__Host-session" if KEEL_HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if KEEL_HTTPS else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = KEEL_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if KEEL_HTTPS else None
SECURE_HSTS_SECONDS = 31536000 if KEEL_HTTPS else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000  # the plan editor's grid: 200 lines of rates by MT group and level
X_FRAME_OPTIONS = "DENY"

REDIS_URL = env("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_FUNCTION": "django_tenants.cache.make_key",
        "REVERSE_KEY_FUNCTION": "django_tenants.cache.reverse_key",
    }
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文"), ("zh-hant", "繁體中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = KEEL_STATE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env("KEEL_LOG_LEVEL", "INFO")},
}
SILENCED_SYSTEM_CHECKS: list[str] = []
