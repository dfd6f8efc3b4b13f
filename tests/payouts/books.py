"""What the payout tests arrange and compare: diamonds given, and a creator's side of the books."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone
from schwifty import IBAN

from accounts import encryption
from accounts.models import User
from payouts import destinations
from payouts.models import Destination
from tests import factories
from wallet import ledger
from wallet.models import Account, Balance, RateCard
from wallet.money import CURRENCY_NUMBERS

ACCOUNT = "DE02120300000000202051"  # an IBAN with right check digits


def give_diamonds(creator: User, milli: int, *, card_id: int | None = None) -> None:
    """Available diamonds, through the ledger, by the word of two people."""
    card = card_id or RateCard.objects.earliest("pk").pk
    ledger.adjust_diamonds(
        operation_id=ledger.new_operation_id(),
        owner_id=creator.pk,
        card_id=card,
        diamonds_milli=milli,
        proposer_id=1,
        approver_id=2,
        memo={"text": "Diamonds for a test"},
    ).check()


def new_card(name: str, *, diamond_usd: str) -> int:
    """A rate card that is announced, whose diamonds tests hand out themselves."""
    return ledger.announce_card(
        name=name,
        diamonds_per_coin_milli=1000,
        diamond_usd=Decimal(diamond_usd),
        hold_days=dict.fromkeys(range(1, 8), 0),
        notice_days=30,
        effective_at=timezone.now() + timedelta(days=60),
        announced_by_id=1,
    )


def account_of_their_own(creator: User) -> str:
    """An IBAN that nobody else in the tests uses: two people with one account are looked into."""
    return str(
        IBAN.generate("DE", bank_code="12030000", account_code=f"{creator.pk % 10**6:06}2051")
    )


def set_account(creator: User, *, currency: str = "EUR", account: str = "") -> Destination:
    """An account in the creator's own name, of a creator who meets all else that is asked."""
    factories.make_payable(creator)
    return destinations.set_destination(
        destination_id=ledger.new_operation_id(),
        creator=creator,
        holder_name=creator.display_name,
        account=account or account_of_their_own(creator),
        currency=currency,
        at=timezone.now(),
    )


@dataclass(frozen=True)
class Books:
    """One creator's diamonds (thousandths) and cash (minor units), and all that the bank paid."""

    available: int = 0
    payable: int = 0
    in_payout: int = 0
    paid: int = 0


def books(creator: User, *, currency: str = "EUR") -> Books:
    unit = CURRENCY_NUMBERS[currency]

    def held(code: int, unit: int) -> int:
        rows = Balance.objects.filter(
            account__owner_id=creator.pk, account__code=code, account__unit=unit
        )
        return sum(row.sign * (row.credits - row.debits) for row in rows)

    bank = Account.objects.get(owner_id=0, code=Account.Code.BANK, unit=unit)
    debited, credited = ledger.turnover(bank.pk)
    return Books(
        available=held(Account.Code.DIAMOND_AVAILABLE, ledger.DIA),
        payable=held(Account.Code.CASH_PAYABLE, unit),
        in_payout=held(Account.Code.CASH_IN_PAYOUT, unit),
        paid=credited - debited,
    )


def bare_destination(creator: User) -> Destination:
    """A destination as a row alone, for tests that only need one to be there."""
    destination_id = ledger.new_operation_id()
    sealed = encryption.encrypt(ACCOUNT.encode(), context=destinations.context_of(destination_id))
    destination, _ = Destination.objects.get_or_create(
        creator=creator,
        replaced_at=None,
        defaults={
            "id": destination_id,
            "holder_name": "Bob",
            "account_sealed": sealed,
            "last4": ACCOUNT[-4:],
            "mark": encryption.mark(ACCOUNT, purpose=destinations.MARKED_FOR),
            "currency": "EUR",
        },
    )
    return destination
