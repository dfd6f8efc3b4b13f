"""Where a buyer is: what is known of it at each step, and the region whose price and tax are right.

Promises: pieces of evidence go in and a verdict comes out, the same for the same pieces; nothing a
browser says is taken for a fact. Who sells to consumers in the EU keeps two pieces that agree
(Council Implementing Regulation 282/2011, articles 24b and 24f: the address given, the network
address, the bank's country, and others); the same rule is kept everywhere. Two that agree
outweigh a third. In one place each piece speaks for the region its country buys in:

- *declared*: the country in the profile, or the one the buyer confirmed for this purchase;
- *address*: of the network, from a header that the operator's own edge sets, or unknown;
- *card*: where the card was issued, as the provider says, known once money is set aside;
- *language*: the region a browser asks for. It is weak: it may be the second voice for what is
  declared, and it never outweighs a card from somewhere coins are sold.

The card decides wherever the network address does not speak for what is declared.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from django.conf import settings
from django_countries import countries

from wallet.models import Region, RegionCountry

LANGUAGES_MAX: Final = 20  # a header that names more is not a person's
_WEIGHT: Final = re.compile(r"[01](\.[0-9]{0,3})?")


class Verdict(StrEnum):
    """Agreed: two pieces speak for the region charged. Alone: one does, and none is stronger."""

    AGREED = "agreed"
    ALONE = "alone"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """The country of each piece of evidence, two letters; empty while it is not known."""

    declared: str
    address: str = ""
    language: str = ""
    card: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether the region charged is right, and which is; None: coins are not sold there."""

    verdict: Verdict
    right: str | None
    agreeing: Sequence[str]
    contrary: Sequence[str]

    @property
    def may_be_charged(self) -> bool:
        return self.verdict != Verdict.CONFLICT


def decide(*, pieces: Pieces, charged: str, sold_in: Mapping[str, str]) -> Decision:
    """Judge the region ``charged`` by the pieces; ``sold_in`` gives the region of each country."""
    voices = _voices(pieces, sold_in)
    right = _right(voices, sold_in)
    agreeing = [name for name, region in voices.items() if region == right]
    contrary = [name for name, region in voices.items() if region != right]
    if right != charged:
        verdict = Verdict.CONFLICT
    else:
        verdict = Verdict.AGREED if len(agreeing) > 1 else Verdict.ALONE
    return Decision(
        verdict=verdict,
        right=right if right in sold_in.values() else None,
        agreeing=agreeing,
        contrary=contrary,
    )


def card_decides(*, pieces: Pieces, sold_in: Mapping[str, str]) -> bool:
    """Say whether some card could turn the decision, so that money must only be set aside first."""
    voices = _voices(pieces, sold_in)
    return voices.get("address") != voices["declared"]


def _voices(pieces: Pieces, sold_in: Mapping[str, str]) -> dict[str, str]:
    """The region that each known piece speaks for; a country without coins stands for itself."""
    return {
        name: sold_in.get(country, f"not sold in {country}")
        for name, country in asdict(pieces).items()
        if country
    }


def _right(voices: Mapping[str, str], sold_in: Mapping[str, str]) -> str:
    declared, card = voices["declared"], voices.get("card", voices["declared"])
    if card == declared or voices.get("address") == declared:
        return declared
    if card not in sold_in.values() and voices.get("language") == declared:
        return declared
    return card


def sold_in() -> dict[str, str]:
    """The region in which each country buys, of the regions that are open."""
    rows = RegionCountry.objects.filter(region__is_open=True)
    return {str(row.country): row.region_id for row in rows}


def seen(headers: Mapping[str, str]) -> dict[str, str]:
    """What a request tells of where it comes from: its network address, and its language.

    The address counts only where the operator named the header that their own edge sets and
    overwrites (``COUNTRY_HEADER``): anybody can send any header.
    """
    name = settings.COUNTRY_HEADER
    return {
        "address": _country(headers.get(name, "")) if name else "",
        "language": _language_region(headers.get("Accept-Language", "")),
    }


def pieces_of(evidence: Mapping[str, Any]) -> Pieces:
    """Read the pieces that a purchase keeps."""
    return Pieces(
        declared=evidence.get("declared") or evidence.get("country", ""),
        address=evidence.get("address", ""),
        language=evidence.get("language", ""),
        card=evidence.get("card_country", ""),
    )


def judged(
    evidence: Mapping[str, Any], *, charged: str, card: str = ""
) -> tuple[Decision, dict[str, Any]]:
    """Judge a purchase by its evidence and its card, and return the evidence with the verdict."""
    pieces = replace(pieces_of(evidence), card=card)
    decision = decide(pieces=pieces, charged=charged, sold_in=sold_in())
    told = {
        "card_country": card,
        "charged": charged,
        "verdict": decision.verdict.value,
        "right_region": decision.right or "",
        "agreeing": list(decision.agreeing),
        "contrary": list(decision.contrary),
    }
    return decision, {**evidence, **told}


def differs(*, pieces: Pieces, region: Region) -> str:
    """The name of the country that the network address is in, when it speaks for another region."""
    if not pieces.address or sold_in().get(pieces.address) == region.pk:
        return ""
    return str(countries.name(pieces.address))


def _language_region(header: str) -> str:
    """The country of the language asked for most that names one: "de-AT,de;q=0.9" is AT."""
    for tag, _ in sorted(_languages(header), key=lambda one: -one[1]):
        for part in tag.split("-")[1:]:
            if country := _country(part):
                return country
    return ""


def _languages(header: str) -> Iterable[tuple[str, Decimal]]:
    """The languages of a header with their weights, as RFC 9110, section 12.5.4, writes them."""
    for one in header.split(",")[:LANGUAGES_MAX]:
        tag, _, weight = one.strip().partition(";q=")
        if _WEIGHT.fullmatch(weight or "1"):
            yield tag.strip(), Decimal(weight or "1")


def _country(code: str) -> str:
    """The two letters of a country that there is; nothing for anything else."""
    found = code.strip().upper()
    return found if len(found) == 2 and found in countries else ""
