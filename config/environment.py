"""How settings read the environment: addresses and mail as Django wants them, and one report of
everything that is wrong.
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvValidationError

KEY_BYTES = 32  # AES-256
# Bounds on every wait, so that nothing holds the fold horizon or a wallet for long.
WAITS = "-c lock_timeout=5s -c statement_timeout=30s -c idle_in_transaction_session_timeout=15s"


class Environment(Env):
    """The variables, each read once. What is wrong is kept until ``seal`` tells all of it."""

    def refuse(self, name: str, words: str) -> None:
        """Note what is wrong with a variable that was read before."""
        self._errors[name].extend([words])

    def database(self, name: str, default: str) -> dict[str, Any]:
        """Read a database's address as Django's parts; a socket's directory may be its host."""
        nothing: dict[str, Any] = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {}}
        address = self.str(name, default)
        if not address:
            return nothing
        try:
            parts: dict[str, Any] = dict(dj_database_url.parse(address))
        except ValueError:  # its message would show the password
            self.refuse(name, "Not an address like postgresql://user:password@host:5432/name.")
            return nothing
        parts["HOST"] = parts.setdefault("OPTIONS", {}).pop("host", parts["HOST"])
        return parts

    def seal(self) -> None:
        """Read nothing more. Raises ImproperlyConfigured with every bad variable, if any."""
        wrong = dict(self._errors)
        try:
            super().seal()
        except EnvValidationError:
            lines = [f"  {name}: {' '.join(words)}" for name, words in wrong.items()]
            raise ImproperlyConfigured(
                "\n".join(["These settings are missing or wrong:", *lines])
            ) from None


def is_encryption_key(entry: str) -> bool:
    """Whether it is a name, a colon and 32 bytes in base64."""
    name, _, key = entry.partition(":")
    try:
        return bool(name) and len(base64.b64decode(key, validate=True)) == KEY_BYTES
    except ValueError:
        return False


def pooled(address: Mapping[str, Any], *, connections_max: int) -> dict[str, Any]:
    """Return a database of pooled connections whose waits are bounded."""
    pool = {"min_size": 1, "max_size": connections_max, "timeout": 10}
    # Statements of the hot path are kept planned (accounts.statements); others are not.
    options = {"pool": pool, "prepare_threshold": 5, "options": WAITS}
    return {**address, "OPTIONS": {**address["OPTIONS"], **options}}


def mail_to_files(folder: Path) -> dict[str, Any]:
    """Return the mailers that send nothing: each message is a file."""
    backend = "django.core.mail.backends.filebased.EmailBackend"
    return {"default": {"BACKEND": backend, "OPTIONS": {"file_path": str(folder)}}}


def mail_by_smtp(address: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mailers of an EMAIL_URL."""
    options = {
        "host": address.get("EMAIL_HOST") or "localhost",
        "port": address.get("EMAIL_PORT") or 25,
        "username": address.get("EMAIL_HOST_USER") or "",
        "password": address.get("EMAIL_HOST_PASSWORD") or "",
        "use_tls": bool(address.get("EMAIL_USE_TLS")),
        "use_ssl": bool(address.get("EMAIL_USE_SSL")),
        "timeout": 10,
    }
    backend = "django.core.mail.backends.smtp.EmailBackend"
    return {"default": {"BACKEND": backend, "OPTIONS": options}}
