"""What goes wrong, by a seed: requests that are lost or refused, events that are as bad as can be.

The same seed gives each request, each try of it and each event the same fate, whatever runs beside
it. Without a script nothing goes wrong. Rates are in thousandths; the faults of a request exclude
each other, those of an event do not.
"""

import random
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NoReturn

from django.db import transaction
from django.db.models import Count

from config.standin import refusals
from config.standin.models import FaultDone, FaultScript, FaultTry

ALL: Final = 1000
SORRY: Final = "An unknown error occurred."


class Fault(StrEnum):
    """The faults of a request, then those of an event.

    A timeout is a line that is cut: before the request had its effect, or after. An error is 500
    without an effect; a kept one is given again under the same key, as the real company does
    (docs.stripe.com/api/idempotent_requests, November 2026: "including 500 errors").
    """

    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    TOO_MANY = "too_many"
    ERROR = "error_500"
    ERROR_KEPT = "error_500_kept"

    DROP = "drop"
    DUPLICATE = "duplicate"
    LATE = "late"
    FORGE = "forge"


OF_REQUESTS: Final = (
    Fault.TIMEOUT_BEFORE,
    Fault.TIMEOUT_AFTER,
    Fault.TOO_MANY,
    Fault.ERROR,
    Fault.ERROR_KEPT,
)
OF_EVENTS: Final = (Fault.DROP, Fault.DUPLICATE, Fault.LATE, Fault.FORGE)


class Forgery(StrEnum):
    """How a forged copy is wrong: every way would be a new event if it were believed."""

    WRONG_SECRET = "wrong_secret"  # noqa: S105 - the name of a forgery
    CHANGED_BODY = "changed_body"
    STALE = "stale"


class TooManyRequests(refusals.Refused):
    """The company asks to be left alone for a moment; nothing was done."""

    status = 429
    is_kept = False


class Broken(refusals.Refused):
    """The company broke down before the request had an effect."""

    status = 500
    kind = "api_error"
    is_kept = False


class BrokenForGood(Broken):
    """As Broken, and said again to every request under the same key."""

    is_kept = True


def broken_for_good(*_: Any, **__: Any) -> NoReturn:
    """Be an endpoint that breaks down."""
    raise BrokenForGood(SORRY)


@transaction.atomic(durable=True)
def write_script(*, seed: int, per_mille: Mapping[Fault, int], late_s: float) -> FaultScript:
    """Let these faults happen from now on, instead of those before; none ends them all."""
    for kept in (FaultScript, FaultTry, FaultDone):
        kept.objects.all().delete()
    return FaultScript.objects.create(seed=seed, per_mille=dict(per_mille), late_s=late_s)


def current() -> FaultScript | None:
    """Return the script, if any faults are to happen."""
    script = FaultScript.objects.first()
    return script if script is not None and script.per_mille else None


def strike(*, request: str) -> Fault | None:
    """Say what goes wrong with this try of a request, and write that it did."""
    script = current()
    return _strike(script, request=request) if script else None


@transaction.atomic(durable=True)
def _strike(script: FaultScript, *, request: str) -> Fault | None:
    tried, _ = FaultTry.objects.get_or_create(request=request)
    tried.tries += 1
    tried.save(update_fields=["tries"])
    thrown = _dice(script, f"{request} {tried.tries}").randrange(ALL)
    for fault in OF_REQUESTS:
        rate = script.per_mille.get(fault, 0)
        if thrown < rate:
            FaultDone.objects.create(kind=fault, subject=request)
            return fault
        thrown -= rate
    return None


def of_event(*, number: int) -> frozenset[Fault]:
    """Say what goes wrong with an event's delivery, and write it in the caller's transaction."""
    script = current()
    if script is None:
        return frozenset()
    dice = _dice(script, f"event {number}")
    struck = {f for f in OF_EVENTS if dice.randrange(ALL) < script.per_mille.get(f, 0)}
    FaultDone.objects.bulk_create(
        FaultDone(kind=fault, subject=str(number)) for fault in sorted(struck)
    )
    return frozenset(struck)


def lateness_s(*, number: int) -> float:
    """Return how long a late event waits, so that others overtake it."""
    script = current()
    return _dice(script, f"late {number}").uniform(0, script.late_s) if script else 0.0


def forgery_of(*, number: int) -> Forgery:
    """Return how the forged copy of an event is wrong."""
    script = current()
    return _dice(script, f"forgery {number}").choice(tuple(Forgery)) if script else Forgery.STALE


def done() -> dict[str, int]:
    """Return how often each fault happened under the present script."""
    rows = FaultDone.objects.values("kind").annotate(count=Count("number"))
    return {row["kind"]: row["count"] for row in rows.order_by("kind")}


def _dice(script: FaultScript, subject: str) -> random.Random:
    return random.Random(f"{script.seed} {subject}")  # noqa: S311 - a repeatable fate, no secret
