"""Secrets at rest: what only a few may read is written encrypted, each value bound to its place.

Promises: AES-256-GCM with a new nonce for each value; a value opens only in the context it was
sealed for (its table and row), so that it cannot be copied to another person's row; the key's name
stands in front of it, so keys can be replaced: the first of ``ENCRYPTION_KEYS`` encrypts, all of
them decrypt. ``mark`` tells whether two secrets are the same without opening them.
"""

import base64
import hashlib
import hmac
import secrets
from functools import cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE_BYTES: Final = 12  # NIST SP 800-38D, 8.2: 96 bits


class CannotDecrypt(Exception):
    """The value was made with a key that is not configured, for another place, or was changed."""


def encrypt(secret: bytes, *, context: str) -> bytes:
    """Encrypt with the first key. ``context`` names the place: only there it opens again."""
    name, key = next(iter(_keys(tuple(settings.ENCRYPTION_KEYS)).items()))
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, secret, context.encode())
    return name.encode() + b":" + nonce + sealed


def decrypt(value: bytes | memoryview, *, context: str) -> bytes:
    """Open what ``encrypt`` made for this context. Raises CannotDecrypt."""
    name, _, rest = bytes(value).partition(b":")
    key = _keys(tuple(settings.ENCRYPTION_KEYS)).get(name.decode(errors="replace"))
    if key is None:
        raise CannotDecrypt("This value was encrypted with a key that is not in ENCRYPTION_KEYS.")
    try:
        return AESGCM(key).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError) as error:
        raise CannotDecrypt("This value was changed, or belongs to another place.") from error


def mark(secret: str, *, purpose: str) -> str:
    """Give 64 hex digits that are the same for the same secret and purpose, and tell nothing else.

    Keyed by the last of the keys, which a site keeps when it puts a new one in front.
    """
    *_, key = _keys(tuple(settings.ENCRYPTION_KEYS)).values()
    own = hmac.digest(key, purpose.encode(), hashlib.sha256)
    return hmac.new(own, secret.encode(), hashlib.sha256).hexdigest()


@cache
def _keys(listed: tuple[str, ...]) -> dict[str, bytes]:
    """Read the keys by name, in their order."""
    pairs = (entry.partition(":") for entry in listed)
    return {name: base64.b64decode(key, validate=True) for name, _, key in pairs}
