"""The deeds of the bank: taking a transfer once per reference, and moving it on with time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models, transaction

from config.standin import accounts, ids, options
from config.standin.models import BankBreakdown, BankTransfer, Json, TransferState


class ReferenceTaken(Exception):
    """The reference names another transfer already; nothing was sent."""


class BankBroke(Exception):
    """The bank broke down before the transfer had any effect; ask again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """What the bank is asked to send, and to whom."""

    reference: str
    amount_minor: int
    currency: str
    account: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The transfer of a reference, and whether this request made it."""

    transfer: BankTransfer
    is_new: bool


def send(*, instruction: Instruction, at: datetime) -> Receipt:
    """Take a transfer; the same reference asked again is the same transfer.

    Raises ReferenceTaken when it is asked with other details, BankBroke when the destination says
    that the first request fails before its effect.
    """
    fate = accounts.fate_of(account=instruction.account)
    if fate == accounts.Fate.BREAKS_FIRST and _breaks(reference=instruction.reference):
        raise BankBroke("The bank could not be reached. Nothing was sent; try again.")
    return _take(instruction=instruction, fate=fate, at=at)


@transaction.atomic(durable=True)
def move_due(*, at: datetime) -> int:
    """Move every transfer whose time has come to its next state, and return how many."""
    moving = list(due(at=at).order_by("number"))
    for transfer in moving:
        if transfer.state == TransferState.ACCEPTED:
            _pay(transfer=transfer, at=at)
        else:
            _enter(transfer=transfer, state=TransferState.RETURNED, at=at)
            transfer.reason = accounts.ACCOUNT_BLOCKED
            transfer.moves_at = None
        transfer.save()
    return len(moving)


def due(*, at: datetime) -> models.QuerySet[BankTransfer]:
    """Return the transfers whose time has come."""
    return BankTransfer.objects.filter(moves_at__lte=at)


def shape(transfer: BankTransfer) -> Json:
    """Show a transfer as the bank's API does."""
    return {
        "id": transfer.public_id,
        "object": "bank_transfer",
        "reference": transfer.reference,
        "amount_minor": transfer.amount_minor,
        "currency": transfer.currency,
        "account": transfer.account,
        "name": transfer.name,
        "state": transfer.state,
        "reason": transfer.reason or None,
        "created_at": _written(transfer.created_at),
        "history": transfer.history,
    }


@transaction.atomic(durable=True)
def _breaks(*, reference: str) -> bool:
    """Tell whether this is the first request for the reference, and remember that it was made."""
    _, is_first = BankBreakdown.objects.get_or_create(reference=reference)
    return is_first


@transaction.atomic(durable=True)
def _take(*, instruction: Instruction, fate: accounts.Fate, at: datetime) -> Receipt:
    known = BankTransfer.objects.filter(reference=instruction.reference).first()
    if known is not None:
        asked = Instruction(
            reference=known.reference,
            amount_minor=known.amount_minor,
            currency=known.currency,
            account=known.account,
            name=known.name,
        )
        if asked != instruction:
            raise ReferenceTaken(
                f"The reference {known.reference} names another transfer. "
                "Use a new reference for a new transfer."
            )
        return Receipt(transfer=known, is_new=False)
    transfer = BankTransfer(
        public_id=ids.new_id("bt"),
        reference=instruction.reference,
        amount_minor=instruction.amount_minor,
        currency=instruction.currency,
        account=instruction.account,
        name=instruction.name,
        created_at=at,
    )
    if fate == accounts.Fate.FAILS:
        _enter(transfer=transfer, state=TransferState.FAILED, at=at)
        transfer.reason = accounts.ACCOUNT_CLOSED
    else:
        _enter(transfer=transfer, state=TransferState.ACCEPTED, at=at)
        is_long = fate == accounts.Fate.LONG
        times = options.current()
        transfer.moves_at = at + timedelta(
            seconds=times.bank_long_s if is_long else times.bank_delay_s
        )
    transfer.save()
    return Receipt(transfer=transfer, is_new=True)


def _pay(*, transfer: BankTransfer, at: datetime) -> None:
    _enter(transfer=transfer, state=TransferState.PAID, at=at)
    comes_back = accounts.fate_of(account=transfer.account) == accounts.Fate.RETURNED
    pause = timedelta(seconds=options.current().bank_return_s)
    transfer.moves_at = at + pause if comes_back else None


def _enter(*, transfer: BankTransfer, state: TransferState, at: datetime) -> None:
    transfer.state = state
    transfer.history = [*transfer.history, {"state": str(state), "at": _written(at)}]


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
