"""Tax numbers of people: whether one can be a number of its country. Checked, never looked up.

Promises: where the country's rule is known (python-stdnum), the check digits must be right; where
it is not, the shape must be one that a number can have. The number is kept as its country writes it
without spaces and hyphens.
"""

import re
from importlib import import_module
from typing import Final

from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError

from payouts.models import TaxForm

# What a person's tax number is in each country, by the OECD's list of tax identification numbers
# (oecd.org/tax/automatic-exchange, TINs by jurisdiction, 2025) and as python-stdnum 2.2 has them.
# Where several stand, one must fit.
_NUMBERS: Final[dict[str, tuple[str, ...]]] = {
    "AT": ("at.tin",), "BE": ("be.nn", "be.bis"), "BG": ("bg.egn", "bg.pnf"), "CZ": ("cz.rc",),
    "DE": ("de.idnr",), "DK": ("dk.cpr",), "EE": ("ee.ik",), "ES": ("es.dni", "es.nie"),
    "FI": ("fi.hetu",), "FR": ("fr.nif",), "GR": ("gr.vat",), "HR": ("hr.oib",),
    "IE": ("ie.pps",), "IT": ("it.codicefiscale",), "LT": ("lt.asmens",), "NL": ("nl.bsn",),
    "PL": ("pl.pesel", "pl.nip"), "PT": ("pt.nif",), "RO": ("ro.cnp",), "SE": ("se.personnummer",),
    "SI": ("si.ddv",), "SK": ("sk.rc", "sk.dph"), "IS": ("is_.kennitala",), "LI": ("li.peid",),
    "NO": ("no.fodselsnummer",), "US": ("us.ssn", "us.itin", "us.ein"), "GB": ("gb.utr",),
    "BR": ("br.cpf",),
    "IN": ("in_.pan",), "MX": ("mx.rfc",), "PE": ("pe.ruc", "pe.cui"), "VN": ("vn.mst",),
    "JP": ("jp.in_",), "KR": ("kr.rrn",), "KE": ("ke.pin",), "CA": ("ca.sin",), "AU": ("au.tfn",),
    "NZ": ("nz.ird",), "CH": ("ch.ssn",),
}  # fmt: skip
_SHAPE: Final = re.compile(r"[A-Z0-9/]{5,20}")
_GB_NINO: Final = re.compile(
    r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]"
)


class UnfitNumber(Exception):
    """It cannot be a tax number of that country."""


def normal(number: str, *, country: str) -> str:
    """Check a person's tax number and write it without spaces and hyphens. Raises UnfitNumber."""
    plain = re.sub(r"[\s.\-–]", "", number).upper()
    if not _SHAPE.fullmatch(plain):
        raise UnfitNumber("A tax number has 5 to 20 letters and digits. Check it.")
    if country == "GB" and _GB_NINO.fullmatch(plain):
        return plain  # a National Insurance number: gov.uk, NIM39110
    known = _NUMBERS.get(country, ())
    if known and not any(_fits(plain, number, place) for place in known):
        raise UnfitNumber("This is no tax number of that country: a sign is wrong. Check it.")
    return plain


def _fits(plain: str, written: str, place: str) -> bool:
    """Try it as it was written too: in some countries a hyphen tells the century."""
    module = import_module(f"stdnum.{place}")
    return bool(module.is_valid(plain) or module.is_valid(written.strip().upper()))


def normal_vat(number: str, *, country: str) -> str:
    """Check a VAT number of the EU. Elsewhere it must have a shape. Raises UnfitNumber."""
    plain = re.sub(r"[\s.\-]", "", number).upper()
    try:
        return str(eu_vat.validate(plain if plain[:2].isalpha() else f"{country}{plain}"))
    except ValidationError as error:
        raise UnfitNumber("This is no VAT number of an EU country. Check it.") from error


def needs_number(form: TaxForm) -> bool:
    """Whether the form means nothing without one: W-9, part I."""
    return form == TaxForm.W9
