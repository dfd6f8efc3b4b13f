"""What creators certify for the tax office: kept encrypted, never edited, asked for again in time.

Promises: a form is certified whole or not at all; a change is a new row and is told by email; what
names the person is readable only where it is opened on purpose.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from accounts import encryption
from accounts import services as people
from accounts.models import NoticeKind, User, name_mark
from payouts import tax_numbers
from payouts.models import TaxExport, TaxForm, TaxProfile, form_for

# W forms are kept and asked for again after three years (26 CFR 1.1441-1(e)(4)(ii)); what was
# collected for DAC7 may be relied on for 36 months (Directive 2011/16/EU, annex V, II.D.3).
VALID_YEARS: Final = 3
TIN_PURPOSE: Final = "tax number"

STATEMENTS: Final = {
    TaxForm.W9: "Under penalties of perjury, I certify that the number shown is my correct "
    "taxpayer identification number, that I am not subject to backup withholding, and that I am a "
    "US citizen or other US person.",
    TaxForm.W8BEN: "Under penalties of perjury, I certify that I am the person named here and the "
    "beneficial owner of what I earn, that I am not a US person, and that what I wrote is true, "
    "correct and complete.",
    TaxForm.DAC7: "I certify that what I wrote is true and complete. I know that it is reported to "
    "the tax office of my country once a year, with what I earned.",
}


class TaxRefused(Exception):
    """The form cannot be certified as it is."""


class WrongForm(TaxRefused):
    pass


class NumberMissing(TaxRefused):
    pass


class NotCertified(TaxRefused):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the creator wrote. ``no_tin_why`` only without a number."""

    form: str
    legal_name: str
    street: str
    city: str
    postal_code: str
    country: str
    state: str = ""
    tin: str = ""
    tin_country: str = ""
    no_tin_why: str = ""
    birth_place: str = ""
    vat_id: str = ""


@transaction.atomic(durable=True)
def certify(
    *, profile_id: UUID, creator: User, declared: Declared, is_certified: bool, at: datetime
) -> TaxProfile:
    """Keep what the creator certifies, in place of what was before. The same id is the same form.

    Locks the creator. Raises NotCertified, WrongForm, NumberMissing, tax_numbers.UnfitNumber.
    """
    person = User.objects.select_for_update(no_key=True).get(pk=creator.pk)
    known = TaxProfile.objects.filter(pk=profile_id, creator=person).first()
    if known is not None:
        return known
    form = TaxForm(declared.form)
    tin, vat_id = _checked(declared, person=person, form=form, is_certified=is_certified)
    profile = TaxProfile(
        pk=profile_id,
        creator=person,
        form=form,
        country=declared.country,
        name_mark=name_mark(declared.legal_name),
        tin_country=declared.tin_country if tin else "",
        tin_ending=tin[-4:],
        tin_mark=encryption.mark(f"{declared.tin_country}:{tin}", purpose=TIN_PURPOSE)
        if tin
        else "",
        no_tin_why="" if tin else declared.no_tin_why,
        statement=STATEMENTS[form],
        certified_at=at,
        valid_until=_years_after(at, VALID_YEARS),
    )
    born = person.birth_date.isoformat() if person.birth_date else ""
    words = asdict(declared) | {"tin": tin, "vat_id": vat_id, "birth_date": born}
    profile.sealed = encryption.encrypt(json.dumps(words).encode(), context=profile.context)
    TaxProfile.objects.filter(creator=person, replaced_at=None).update(replaced_at=at)
    profile.save(force_insert=True)
    people.notify(
        user_id=person.pk,
        kind=NoticeKind.ACCOUNT,
        subject_key=f"tax:{profile.pk}",
        title="Your tax details were changed",
        body=f"You certified {profile.get_form_display()}, number {profile.masked}. It holds until "
        f"{profile.valid_until:%-d %B %Y}. If this was not you, change your password and write to "
        "us at once.",
        path="/studio/tax/",
    )
    return profile


@transaction.atomic(durable=True)
def note_export(*, year: int, country: str, by_id: int, at: datetime) -> TaxExport:
    """Write down that somebody saves the totals of a year, before they get them."""
    return TaxExport.objects.create(year=year, country=country, by_id=by_id, at=at)


def _checked(
    declared: Declared, *, person: User, form: TaxForm, is_certified: bool
) -> tuple[str, str]:
    """Return the numbers as they are kept. Raises what ``certify`` raises."""
    if not is_certified:
        raise NotCertified("Tick that it is true: without your word it is worth nothing.")
    asked = form_for(str(person.country.code or ""))
    if form not in (asked, TaxForm.W9):
        raise WrongForm(f"Where you live, {asked.label} is asked for. Fill in that form.")
    if not declared.tin and (tax_numbers.needs_number(form) or not declared.no_tin_why):
        raise NumberMissing("Your tax number is missing. Write it, or say why you have none.")
    tin = tax_numbers.normal(declared.tin, country=declared.tin_country) if declared.tin else ""
    vat_id = (
        tax_numbers.normal_vat(declared.vat_id, country=declared.country) if declared.vat_id else ""
    )
    return tin, vat_id


def _years_after(at: datetime, years: int) -> datetime:
    """The same day so many years on; 29 February becomes 1 March."""
    try:
        return at.replace(year=at.year + years)
    except ValueError:
        return at.replace(year=at.year + years, month=3, day=1)
