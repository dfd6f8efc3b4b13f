"""What every adapter of an identity check promises: it is begun once, and can be asked about.

``start`` is asked with our own reference, the same at every try, and begins one check however often
it is called. ``look`` answers how far it has come. Either raises *unavailable*: nothing is known to
have happened, ask again later. The adapter decides which; whoever calls never reads a status code.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string


class Unavailable(Exception):
    """The call had no effect that matters: ask again later."""


class UnknownAdapter(Exception):
    """No adapter of that name is configured."""


class Outcome(StrEnum):
    """How far a check has come. ``waiting``: the person has not done their part yet."""

    WAITING = "waiting"
    CHECKING = "checking"
    VERIFIED = "verified"
    DECLINED = "declined"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A check at the provider, and the page where the person goes on; empty: on a page of ours."""

    provider_ref: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was found out. Name and birth date only when verified, ``why`` when declined."""

    outcome: Outcome
    name: str = ""
    birth_date: date | None = None
    why: str = ""


class Adapter(Protocol):
    """One way to verify. ``is_hosted``: the person goes to a page of the provider's."""

    code: str
    label: str
    is_hosted: bool

    def start(self, *, reference: UUID, return_url: str) -> Begun:
        """Begin the check of a reference, or give back the one there is. Raises Unavailable."""

    def look(self, *, provider_ref: str) -> Answer:
        """Say how far the check has come. Raises Unavailable."""


def adapters() -> dict[str, Adapter]:
    """Every adapter that is configured, by its code, in the order in which they are offered."""
    made: list[Adapter] = [import_string(path)() for path in settings.IDENTITY_ADAPTERS]
    return {adapter.code: adapter for adapter in made}


def adapter(code: str) -> Adapter:
    """The adapter of a code. Raises UnknownAdapter."""
    found = adapters().get(code)
    if found is None:
        raise UnknownAdapter("This way to verify is not offered any more. Choose another.")
    return found
