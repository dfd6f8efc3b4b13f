"""Devices, networks and payment instruments people used, as keyed hashes with a term.

They tell rules whether accounts share something, and nothing else: what was hashed cannot be read
back, the key is derived from the site's secret for this purpose alone, and a fingerprint that was
not seen again is deleted after ``TERM``. Changing the secret makes the old ones match nothing.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from accounts.models import Fingerprint

Kind = Fingerprint.Kind

# Card networks let a payment be disputed for 120 days; two months more to look into it.
TERM: Final = timedelta(days=180)
PURPOSE: Final = b"carat.fingerprints.v1"
DEVICE: Final = re.compile(r"[A-Za-z0-9_-]{32,64}")
IPV6_PREFIX: Final = 64  # what one household or phone gets (RFC 6177)
PURGE_BATCH: Final = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a request shows of where it came from. Empty: not known."""

    device: str = ""
    network: str = ""
    instrument: str = ""


def seen(*, device: str = "", address: str = "", instrument: str = "") -> Seen:
    """Keep what can be used of a device's cookie, an IP address and an instrument's name."""
    return Seen(
        device=device if DEVICE.fullmatch(device) else "",
        network=_network(address),
        instrument=instrument,
    )


def new_device() -> str:
    """Name a device that has no name yet: random, kept in its cookie alone."""
    return secrets.token_urlsafe(24)


def _network(address: str) -> str:
    """An IPv4 address as it is, an IPv6 address by its network."""
    try:
        known = ip_address(address)
    except ValueError:
        return ""
    if isinstance(known, IPv6Address):
        mapped = known.ipv4_mapped
        return str(mapped or ip_network((known, IPV6_PREFIX), strict=False))
    return str(known)


def digest(kind: str, value: str) -> str:
    """Hash a value so that only the holder of our key could try values against it; no value, none.

    The one hash of networks and instruments: what one app keeps matches what another keeps.
    """
    if not value:
        return ""
    key = hmac.digest(settings.SECRET_KEY.encode(), PURPOSE, hashlib.sha256)
    return hmac.new(key, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()


@transaction.atomic(durable=True)
def record(*, user_id: int, seen: Seen, at: datetime) -> None:
    """Note what a person used, as a deed of its own. Seen again, its term begins anew."""
    note(user_id=user_id, seen=seen, at=at)


def note(*, user_id: int, seen: Seen, at: datetime) -> None:
    """Note what a person used, in the caller's transaction. Seen again, its term begins anew."""
    assert connection.in_atomic_block, "it commits with what it was seen at"
    values = (
        (Kind.DEVICE, seen.device), (Kind.INSTRUMENT, seen.instrument), (Kind.NETWORK, seen.network)
    )  # fmt: skip
    Fingerprint.objects.bulk_create(
        [
            Fingerprint(
                user_id=user_id,
                kind=kind,
                digest=digest(kind, value),
                first_seen_at=at,
                seen_at=at,
                keep_until=at + TERM,
            )
            for kind, value in values
            if value
        ],
        update_conflicts=True,
        unique_fields=["user", "kind", "digest"],
        update_fields=["seen_at", "keep_until"],
    )


def purge(*, at: datetime) -> int:
    """Delete fingerprints whose term is over. Says how many."""
    purged = 0
    while True:
        over = Fingerprint.objects.filter(keep_until__lte=at).order_by("pk")
        ids = list(over.values_list("pk", flat=True)[:PURGE_BATCH])
        if not ids:
            return purged
        purged += Fingerprint.objects.filter(pk__in=ids).delete()[0]
