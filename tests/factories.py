"""Makers of rows with good defaults. Plain functions; each commits or not with its caller."""

from datetime import UTC, date, datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator

from accounts.models import CreatorProfile, User
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
