"""Makers of rows with good defaults. Plain functions; each commits or not with its caller."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.utils import timezone

from accounts import identity
from accounts.models import CreatorProfile, IdentityCheck, User
from accounts.providers import base as identity_base
from payouts import taxes
from payouts.models import TaxProfile, form_for
from wallet import ledger
from wallet.models import CreditNote, PaymentMethod, Purchase, Receipt, Refund

PASSWORD = "correct horse battery"


def make_user(handle: str, **fields: Any) -> User:
    """An adult in Germany with a verified address."""
    values: dict[str, Any] = {
        "email": f"{handle}@example.org",
        "handle": handle,
        "display_name": handle.capitalize(),
        "country": "DE",
        "birth_date": date(1990, 5, 17),
        "password": PASSWORD,
    }
    user = User.objects.create_user(**(values | fields))
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def make_creator(handle: str, **fields: Any) -> User:
    user = make_user(handle, is_creator=True, **fields)
    CreatorProfile.objects.create(creator=user, about=f"{user.display_name} plays the piano.")
    return user


# Numbers with right check digits, of nobody.
TINS = {"DE": "36574261809", "US": "536904399", "GB": "1955839661", "IE": "1234567T"}


def make_payable(creator: User, *, name: str = "") -> None:
    """All that the gate asks for but the account to pay to, by the deeds. Again is no change."""
    at = timezone.now()
    User.objects.filter(pk=creator.pk, joined_at__gt=at - timedelta(days=60)).update(
        joined_at=at - timedelta(days=60)
    )
    Authenticator.objects.get_or_create(
        user=creator, type=Authenticator.Type.TOTP, defaults={"data": {"secret": "unused"}}
    )
    verify_identity(creator, name=name)
    if not TaxProfile.objects.filter(creator=creator, replaced_at=None).exists():
        certify_tax(creator)


def verify_identity(person: User, *, name: str = "") -> IdentityCheck:
    """As a provider answers: this is who they are, born when their profile says."""
    at = timezone.now()
    known = IdentityCheck.objects.filter(person=person, state="approved").first()
    if known is not None:
        return known
    check = identity.ask(
        check_id=ledger.new_operation_id(), person_id=person.pk, adapter="sandbox", at=at
    )
    answer = identity_base.Answer(
        outcome=identity_base.Outcome.VERIFIED,
        name=name or person.display_name,
        birth_date=person.birth_date,
    )
    return identity.take_answer(check_id=check.pk, answer=answer, at=at)


def certify_tax(creator: User, **fields: Any) -> TaxProfile:
    """The form of the creator's country, with a number that can be one."""
    country = str(creator.country.code)
    tin = TINS.get(country, "")
    values: dict[str, Any] = {
        "form": form_for(country), "legal_name": creator.display_name, "street": "1 Test Street",
        "city": "Testing", "postal_code": "12345", "country": country, "tin": tin,
        "tin_country": country if tin else "", "no_tin_why": "" if tin else "not_issued",
    }  # fmt: skip
    return taxes.certify(
        profile_id=ledger.new_operation_id(),
        creator=creator,
        declared=taxes.Declared(**(values | fields)),
        is_certified=True,
        at=timezone.now(),
    )


def make_staff(handle: str, **fields: Any) -> User:
    """Staff with every permission and a second factor."""
    user = make_user(handle, **({"is_staff": True, "is_superuser": True} | fields))
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    return user


def give_coins(user: User, coins: int, *, hold_class: int = 5) -> ledger.Outcome:
    """Coins as one paid lot, straight through the ledger, in the caller's transaction."""
    return give_coins_to(user.pk, coins, hold_class=hold_class)


def give_coins_to(owner_id: int, coins: int, *, hold_class: int = 5) -> ledger.Outcome:
    """The same for a number that nobody has: the ledger knows people by number only."""
    return ledger.buy(
        operation_id=ledger.new_operation_id(),
        buyer_id=owner_id,
        purchase_id=ledger.new_operation_id(),
        coins=coins,
        hold_class=hold_class,
        currency="EUR",
        gross_minor=coins * 2,
        tax_minor=0,
        fee_minor=0,
        memo={"text": "Coins for a test"},
    ).check()


def make_credit_note(buyer: User) -> CreditNote:
    """The rows alone, without money in the ledger: a purchase, its receipt, and all of it back."""
    at = datetime(2026, 11, 22, 9, tzinfo=UTC)
    purchase = Purchase.objects.create(
        id=ledger.new_operation_id(), buyer=buyer, region_id="DE", coins=350, gross_minor=420,
        method=PaymentMethod.objects.get(pk="card"), tax_minor=67, tax_bps=1900, currency="EUR",
        state=Purchase.State.CREDITED, paid_at=at, credited_at=at,
    )  # fmt: skip
    refund = Refund.objects.create(
        id=ledger.new_operation_id(), purchase=purchase, hold_id=ledger.new_operation_id(),
        end_id=ledger.new_operation_id(), coins=350, approved_coins=350, amount_minor=420,
        ground="other", state=Refund.State.PAID, due_at=at, ended_at=at,
    )  # fmt: skip
    return CreditNote.objects.create(
        pk=refund.end_id, receipt=Receipt.objects.create(purchase=purchase), refund=refund,
        coins=350, gross_minor=420, tax_minor=67,
    )  # fmt: skip
