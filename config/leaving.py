"""A copy of all that is kept of a person, closing their account, and erasing them.

Promises: the copy is what ``config.personal`` lists, as JSON in a zip, with the history as CSV, and
no secret; an account is not closed while money is under way; an erasure keeps every amount of the
books and leaves no word of the person but what the register keeps, and says why; the companies they
paid by are asked to forget them afterwards, by ``wallet.customers``. Erasing again is no change, so
one that was cut off is done over.
"""

import io
import json
import zipfile
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction
from djmoney.money import Money

from accounts import leaving, papers, reports, states
from accounts.models import Closure, DataExport, OutboxEvent, StateChange, User
from config import personal
from gifts import chat
from gifts.models import Room
from payouts.models import Payout
from wallet import customers, history, ledger, own_limits, queries, returns, stories
from wallet.models import Account, Dispute, Lot, ProviderEvent, Purchase, Refund

BATCH: Final = 10
README: Final = (
    "A copy of what we keep of you, made {at:%Y-%m-%d %H:%M} UTC.\n\n"
    "history.csv is everything you bought and gave. Each other file is one table: what it is for,\n"
    "what becomes of it when you leave, and your rows. Passwords, codes and keys are in none.\n"
)

log = structlog.get_logger(__name__)


class CannotLeave(Exception):
    """The account cannot be closed now. Says what is under way, and what to do first."""


class StaffCannotLeave(CannotLeave):
    pass


class StillLive(CannotLeave):
    pass


class PaymentUnderWay(CannotLeave):
    pass


class EarningsLeft(CannotLeave):
    pass


class CoinsNotGivenUp(CannotLeave):
    pass


@dataclass(frozen=True, slots=True)
class Left:
    """What a person who leaves still has: lots that can be refunded, and the coins that cannot.

    Those of gift cards are apart from the rest, because the reason is another.
    """

    coins: int
    refundable: list[stories.LotStory]
    gift_card_coins: int = 0

    @property
    def refundable_coins(self) -> int:
        return sum(story.lot.remaining for story in self.refundable)

    @property
    def other_coins(self) -> int:
        return self.coins - self.refundable_coins - self.gift_card_coins

    @property
    def refundable_money(self) -> list[Money]:
        """What refunds of the refundable coins would pay, one sum for each currency."""
        sums: dict[str, Money] = {}
        for story in self.refundable:
            if story.left_price is not None:
                code = str(story.left_price.currency)
                sums[code] = sums.get(code, Money(0, code)) + story.left_price
        return [sums[code] for code in sorted(sums)]


# A copy of one's data


def make_exports(*, at: datetime) -> int:
    """Make the copies that were asked for, oldest first, and delete those whose time is over."""
    asked = DataExport.objects.filter(state=DataExport.State.ASKED).order_by("asked_at", "pk")
    made = 0
    for export_id, person_id in list(asked.values_list("pk", "person_id")[:BATCH]):
        leaving.keep_export(export_id=export_id, archive=archive_of(person_id, at=at), at=at)
        made += 1
    leaving.drop_old_exports(at=at)
    return made


def archive_of(person_id: int, *, at: datetime) -> bytes:
    """Write all that is kept of a person as a zip. Reads one table at a time."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", README.format(at=at))
        archive.writestr("history.csv", "".join(history.csv_lines(user_id=person_id)))
        for held in personal.REGISTER:
            if held.is_exported:
                archive.writestr(f"{held.model.lower()}.json", _table(held, person_id))
    return file.getvalue()


def _table(held: personal.Held, person_id: int) -> str:
    shown = [
        column.attname
        for column in held.table()._meta.concrete_fields  # noqa: SLF001
        if column.attname not in held.secret and not isinstance(column, models.BinaryField)
    ]
    content = {
        "what": held.purpose,
        "when you leave": held.at_erasure.value,
        "why": held.why_kept,
        "rows": list(held.rows(person_id).values(*shown)),
    }
    return json.dumps(content, cls=_Encoder, ensure_ascii=False, indent=1)


class _Encoder(DjangoJSONEncoder):
    def default(self, value: Any) -> Any:
        return str(value) if not hasattr(value, "isoformat") else super().default(value)


# Closing


def left_of(*, person: User, at: datetime) -> Left:
    """What the person has, and what of it can be asked back now."""
    lots = queries.all_lots(user_id=person.pk).filter(remaining__gt=0)
    told = stories.lot_stories(list(lots), at=at)
    return Left(
        coins=queries.coins(user_id=person.pk),
        refundable=[story for story in told if story.is_refundable],
        gift_card_coins=sum(
            story.lot.remaining
            for story in told
            if story.is_of_gift_card and story.lot.state == Lot.State.GOOD
        ),
    )


def check_may_leave(*, person: User) -> None:
    """Let pass whose account can be closed now. Raises a CannotLeave."""
    if person.is_staff:
        raise StaffCannotLeave("Staff accounts are closed by an administrator. Ask one.")
    if Room.objects.filter(creator=person, state=Room.State.LIVE).exists():
        raise StillLive("You are live. End your room first, then close your account.")
    if queries.open_purchases_of(user_id=person.pk).exists():
        raise PaymentUnderWay(
            "A purchase of yours is not finished. Pay or cancel it, or wait until its coins have "
            "arrived, then close your account."
        )
    if queries.has_money_coming_back(user_id=person.pk):
        raise PaymentUnderWay(
            "A refund or a disputed payment of yours is under way. Close your account when it "
            "has come to its end."
        )
    if (
        _has_earnings(person)
        or Payout.objects.filter(creator=person, due_at__isnull=False).exists()
    ):
        raise EarningsLeft(
            "You still have diamonds or money to be paid. Have it paid out first: "
            "a closed account cannot be paid."
        )


def _has_earnings(person: User) -> bool:
    codes = (
        Account.Code.DIAMOND_PENDING,
        Account.Code.DIAMOND_AVAILABLE,
        Account.Code.CASH_PAYABLE,
        Account.Code.CASH_IN_PAYOUT,
    )
    accounts = Account.objects.filter(owner_id=person.pk, code__in=codes)
    return any(taken != given for taken, given in map(_turnover, accounts))


def _turnover(account: Account) -> tuple[int, int]:
    return ledger.turnover(account.pk)


@transaction.atomic(durable=True)
def close_account(*, person: User, gives_up_coins: bool, at: datetime) -> Closure:
    """Close the account: again is no change. Raises a CannotLeave."""
    own_limits.lock(user_id=person.pk)  # a purchase that is being started is seen below
    locked = User.objects.select_for_update(no_key=True).get(pk=person.pk)
    check_may_leave(person=locked)
    coins = queries.coins(user_id=locked.pk)
    if coins and not gives_up_coins:
        raise CoinsNotGivenUp(
            f"You still have {coins:,} coins. Ask for a refund or use them, or say below that you "
            "give them up."
        )
    return leaving.close_account(person=locked, coins_left=coins, at=at)


# Erasing


def erase_due(*, at: datetime) -> int:
    """Erase whoever closed their account long enough ago; how many."""
    due = Closure.objects.filter(state=Closure.State.CLOSED, erase_at__lte=at).order_by("pk")
    erased = 0
    for closure_id in list(due.values_list("pk", flat=True)[:BATCH]):
        erase_person(closure_id=closure_id, at=at)
        erased += 1
    return erased


@transaction.atomic(durable=True)
def erase_person(*, closure_id: int, at: datetime) -> None:
    """Empty a closed account of its person, as the register says, in one transaction."""
    closure = Closure.objects.select_for_update().get(pk=closure_id)
    if closure.state != Closure.State.CLOSED:
        return
    person_id = closure.person_id
    returns.forget(person_id=person_id)
    customers.ask_to_forget(person_id=person_id, at=at)
    papers.delete_of(person_id=person_id, at=at)
    _erase_what_names_them_elsewhere(person_id)
    user = User.objects.select_for_update().get(pk=person_id)
    user.email = f"erased-{person_id}@erased.invalid"
    user.handle = f"gone_{person_id}"
    user.set_unusable_password()
    user.is_active = user.is_creator = False
    user.save()
    for held in personal.REGISTER:
        rows = held.rows(person_id)
        if held.at_erasure is personal.AtErasure.SHED:
            rows.update(**held.sheds)
    for held in personal.REGISTER:  # after the changes above: they leave edits, which go too
        if held.at_erasure is personal.AtErasure.DELETE:
            held.rows(person_id).delete()
    closure = states.move(closure, to=Closure.State.ERASED, why="Its time had come.", at=at)
    closure.erased_at = at
    closure.save(update_fields=["erased_at"])
    log.info("person erased", person_id=person_id)


def _erase_what_names_them_elsewhere(person_id: int) -> None:
    """Words about the person in rows that are found another way than by a column."""
    paid = Purchase.objects.filter(buyer_id=person_id).exclude(checkout_ref="")
    returned = Refund.objects.filter(purchase__buyer_id=person_id).exclude(provider_ref="")
    disputed = Dispute.objects.filter(purchase__buyer_id=person_id)
    for refs in (
        paid.values("checkout_ref"),
        returned.values("provider_ref"),
        disputed.values("provider_ref"),
    ):
        ProviderEvent.objects.filter(object_ref__in=refs, handled_at__isnull=False).update(body="")
    StateChange.objects.filter(subject_type="accounts.user", subject_id=str(person_id)).update(
        why=""
    )
    LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(User), object_id=str(person_id)
    ).update(object_repr="", change_message="")
    chat.forget_person(person_id=person_id)
    reports.forget_words(person_id=person_id)
    rooms = Room.objects.filter(creator_id=person_id).values_list("pk", flat=True)
    for key, values in (("user_id", [person_id]), ("room_id", [str(pk) for pk in rooms])):
        OutboxEvent.objects.filter(
            relayed_at__isnull=False, **{f"payload__{key}__in": values}
        ).delete()
