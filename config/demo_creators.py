"""What the demo's creators have to be paid by: verified, with tax details, a second factor, a bank.

Promises: made once, by the same deeds as on a real site; three can be paid, one waits for staff to
look at invented papers. The papers show nobody, the numbers are nobody's.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from PIL import Image, ImageDraw

from accounts import identity, papers
from accounts.models import MANUAL, IdentityCheck, User
from accounts.providers import base
from payouts import destinations, taxes
from payouts.models import Destination, TaxProfile, form_for

JOINED: Final = timedelta(days=90)  # before the demo: nobody is paid in their first weeks
WAITS_FOR_STAFF: Final = "wren"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """Where one of them lives and is paid. Numbers have right check digits and are nobody's."""

    street: str
    city: str
    postal_code: str
    tin: str
    account: str
    currency: str
    state: str = ""


PAID: Final = {
    "mara": Paid(street="12 Invented Row", city="London", postal_code="E1 6AN", tin="1955839661",
                 account="20304055667788", currency="GBP"),
    "jonah": Paid(street="34 Sample Avenue", city="Portland", postal_code="97201", state="OR",
                  tin="536904399", account="000123456789", currency="USD"),
    "otis": Paid(street="Beispielweg 5", city="Berlin", postal_code="10115", tin="36574261809",
                 account="DE02120300000000202051", currency="EUR"),
}  # fmt: skip


def make_payable(creator: User, *, totp_secret: str, at: datetime) -> None:
    """Give a creator what the gate asks for, where it is missing. Those not listed stay as is."""
    paid = PAID.get(creator.handle)
    if paid is None:
        return
    User.objects.filter(pk=creator.pk, joined_at__gt=at - JOINED).update(joined_at=at - JOINED)
    if not Authenticator.objects.filter(user=creator, type=Authenticator.Type.TOTP).exists():
        totp.TOTP.activate(creator, totp_secret or totp.generate_totp_secret())
    _verify(creator, at=at)
    if not TaxProfile.objects.filter(creator=creator).exists():
        _certify(creator, paid, at=at)
    if not Destination.objects.filter(creator=creator).exists():
        destinations.set_destination(
            destination_id=_id(creator, "destination"),
            creator=creator,
            holder_name=creator.display_name,
            account=paid.account,
            currency=paid.currency,
            at=at,
        )


def send_papers(*, at: datetime) -> None:
    """Let one creator wait in the queue of staff, with papers that show nobody."""
    creator = User.objects.filter(handle=WAITS_FOR_STAFF).first()
    if creator is None or IdentityCheck.objects.filter(person=creator).exists():
        return
    check = identity.ask(
        check_id=_id(creator, "identity"), person_id=creator.pk, adapter=MANUAL, at=at
    )
    files = {
        "front": _paper("SPECIMEN CARD", creator.display_name, f"Born {creator.birth_date}"),
        "selfie": _paper("A FACE", "and the card beside it", "(this is a drawing)"),
    }
    papers.send(check_id=check.pk, person_id=creator.pk, files=files, at=at)


def _verify(creator: User, *, at: datetime) -> None:
    """As the sandbox would answer. It need not run for the demo's people to be there."""
    if IdentityCheck.objects.filter(person=creator).exists():
        return
    check = identity.ask(
        check_id=_id(creator, "identity"), person_id=creator.pk, adapter="sandbox", at=at
    )
    answer = base.Answer(
        outcome=base.Outcome.VERIFIED, name=creator.display_name, birth_date=creator.birth_date
    )
    identity.take_answer(check_id=check.pk, answer=answer, at=at)


def _certify(creator: User, paid: Paid, *, at: datetime) -> None:
    country = str(creator.country.code)
    declared = taxes.Declared(
        form=form_for(country),
        legal_name=creator.display_name,
        street=paid.street,
        city=paid.city,
        postal_code=paid.postal_code,
        state=paid.state,
        country=country,
        tin=paid.tin,
        tin_country=country,
    )
    taxes.certify(
        profile_id=_id(creator, "tax"), creator=creator, declared=declared, is_certified=True, at=at
    )


def _paper(*lines: str) -> bytes:
    """Draw a card with a few words on it."""
    drawn = Image.new("RGB", (640, 400), "#e9e4f0")
    pen = ImageDraw.Draw(drawn)
    pen.rectangle((20, 20, 620, 380), outline="#6b5b8a", width=4)
    pen.rectangle((50, 90, 210, 300), fill="#c9bfdc")
    for number, line in enumerate(lines):
        pen.text((240, 100 + 60 * number), line, fill="#2b2140", font_size=30)
    written = BytesIO()
    drawn.save(written, "PNG")
    return written.getvalue()


def _id(creator: User, what: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"carat:demo:{creator.handle}:{what}")
