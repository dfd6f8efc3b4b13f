"""Files of SEPA transfers: made when a batch is closed, checked, handed to the bank, or dissolved.

Promises: a payout is in at most one file that was not dissolved; a file is made once, agrees with
its payouts by number and sum before it is frozen, and is byte for byte the same whenever it is
handed out; above the threshold two members of staff let it go, and none who is paid by it; what was
handed out is never taken back into another file.
"""

import hashlib
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts import encryption, states
from accounts import queries as people
from accounts.models import User
from payouts import bookings, destinations, terms
from payouts.models import Destination, Payout, SepaBatch, SepaEntry
from payouts.rails import base, sepa
from wallet import ledger
from wallet import queries as wallets

State = SepaBatch.State

BATCH_MAX: Final = 1000  # payouts in one file: about two seconds under lock
BATCHES_A_CLOSING: Final = 20
FRIDAY: Final = 4


class NothingToSend(Exception):
    """No payout waits for a file."""


class BatchNotWaiting(Exception):
    """The batch was handed to the bank or dissolved before."""


class NeedsAnother(Exception):
    """The file needs the word of another member of staff."""


class FileDiffers(Exception):
    """The file does not say what our books say. It is not used."""


def close_all(*, at: datetime) -> int:
    """Close batches until no payout waits for one; how many."""
    for number in range(BATCHES_A_CLOSING):
        try:
            close_batch(batch_id=ledger.new_operation_id(), at=at)
        except NothingToSend:
            return number
    return BATCHES_A_CLOSING


@transaction.atomic(durable=True)
def close_batch(*, batch_id: UUID, at: datetime, by: User | None = None) -> SepaBatch:
    """Gather the payouts that wait for a file, and freeze the file that asks for them.

    The same id again is the same batch. Somebody who closes it by hand has checked it, too. Raises
    NothingToSend, FileDiffers.
    """
    known = SepaBatch.objects.filter(pk=batch_id).first()
    if known is not None:
        return known
    payouts = _waiting(at=at)
    if not payouts:
        raise NothingToSend("No payout waits for a SEPA file.")
    order = _order(batch_id, payouts, at=at)
    written = sepa.write(order)
    total = _agreed(written, order, payouts)
    is_paid = by is not None and any(payout.creator_id == by.pk for payout in payouts)
    batch = SepaBatch.objects.create(
        pk=batch_id,
        transactions=len(payouts),
        control_sum_minor=total,
        execution_date=order.execution_date,
        file_sealed=encryption.encrypt(written, context=context_of(batch_id)),
        sha256=hashlib.sha256(written).hexdigest(),
        needs_two=_needs_two(total, at=at),
        closed_at=at,
        closed_by=by,
        checked_by=None if is_paid else by,
    )
    SepaEntry.objects.bulk_create(
        SepaEntry(batch=batch, payout=payout, amount_minor=line.amount_minor, name=line.name)
        for payout, line in zip(payouts, order.lines, strict=True)
    )
    for payout in payouts:
        payout.attempts += 1
        payout.sent_at, payout.due_at, payout.failure = at, None, ""
        payout.save(update_fields=["attempts", "sent_at", "due_at", "failure"])
        why = f"In the file {batch.message_id}"
        states.move(payout, to=Payout.State.SENDING, why=why, at=at, by_id=by.pk if by else None)
    return batch


def _waiting(*, at: datetime) -> Sequence[Payout]:
    """Lock the payouts that may go, longest waiting first: those of creators under review stay.

    Locks their creators, by id, before it looks at reviews: as in ``submissions``.
    """
    waiting = (
        Payout.objects.filter(
            state=Payout.State.RESERVED, destination__rail=Destination.Rail.SEPA, currency="EUR"
        )
        .exclude(creator__in=people.held_from_payouts(at=at))
        .order_by("requested_at", "pk")
    )
    found = dict(waiting.values_list("pk", "creator_id")[:BATCH_MAX])
    _lock_creators(set(found.values()))
    held = people.restricting_payouts(user_ids=found.values(), at=at)
    free = [payout_id for payout_id, creator_id in found.items() if creator_id not in held]
    return list(
        Payout.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .select_related("destination")
        .filter(pk__in=free, state=Payout.State.RESERVED)
        .order_by("requested_at", "pk")
    )


def _lock_creators(creator_ids: Collection[int]) -> None:
    creators = User.objects.select_for_update(no_key=True).filter(pk__in=creator_ids)
    list(creators.order_by("pk").values_list("pk", flat=True))


def _order(batch_id: UUID, payouts: Sequence[Payout], *, at: datetime) -> sepa.Order:
    site = sepa.latin(settings.SITE_NAME, length=30)
    return sepa.Order(
        message_id=batch_id.hex,
        made_at=at,
        execution_date=_next_working_day(at),
        debtor=sepa.Debtor(
            name=sepa.latin(settings.SEPA_DEBTOR_NAME, length=sepa.NAME_LENGTH),
            iban=settings.SEPA_DEBTOR_IBAN.replace(" ", ""),
            bic=settings.SEPA_DEBTOR_BIC,
        ),
        text=sepa.latin(f"{site} payout", length=sepa.TEXT_LENGTH),
        lines=[
            sepa.Line(
                end_to_end_id=payout.pk.hex,
                amount_minor=payout.sent_minor,
                iban=destinations.account_of(payout.destination),
                bic=payout.destination.bic,
                name=sepa.latin(payout.destination.holder_name, length=sepa.NAME_LENGTH),
            )
            for payout in payouts
        ],
    )


def _next_working_day(at: datetime) -> date:
    """The day the bank is asked to pay on; one that is a holiday there it moves on itself."""
    day = at.astimezone(UTC).date() + timedelta(days=1)
    while day.weekday() > FRIDAY:
        day += timedelta(days=1)
    return day


def _agreed(written: bytes, order: sepa.Order, payouts: Sequence[Payout]) -> int:
    """Read the file back and hold it against our rows; its sum. Raises FileDiffers."""
    count, total, lines = sepa.read_order(written)
    asked = {payout.pk.hex: payout.sent_minor for payout in payouts}
    found = {line.end_to_end_id: line.amount_minor for line in lines}
    is_equal = (
        found == asked
        and list(order.lines) == lines
        and (count, total) == (len(payouts), sum(asked.values()))
    )
    if not is_equal:
        raise FileDiffers("The file that was made does not say what our payouts say.")
    return total


def _needs_two(total_minor: int, *, at: datetime) -> bool:
    try:
        rate = wallets.fx("EUR", at)
    except (wallets.FxMissing, wallets.FxStale):
        return True  # what it is worth is not known
    return total_minor >= terms.second_person_minor(rate)


def context_of(batch_id: UUID) -> str:
    """Name the one place where a sealed file opens."""
    return f"sepabatch:{batch_id}:file"


def file_of(batch: SepaBatch) -> bytes:
    """The file as it was frozen. Raises FileDiffers when it is no longer that."""
    content = encryption.decrypt(batch.file_sealed, context=context_of(batch.pk))
    if hashlib.sha256(content).hexdigest() != batch.sha256:
        raise FileDiffers("This file is not the one that was frozen. Do not use it.")
    return content


@transaction.atomic(durable=True)
def check_batch(*, batch_id: UUID, by: User, at: datetime) -> SepaBatch:
    """Say as the first of two that the file may go. Raises BatchNotWaiting, NeedsAnother."""
    batch = _locked(batch_id)
    if batch.state != State.CLOSED or batch.checked_by_id is not None:
        raise BatchNotWaiting(f"This file does not wait for a check: {batch.get_state_display()}.")
    _refuse_the_paid(batch, by=by)
    batch.checked_by = by
    batch.save(update_fields=["checked_by"])
    return batch


@transaction.atomic(durable=True)
def export_batch(*, batch_id: UUID, by: User, at: datetime) -> SepaBatch:
    """Let the file go to the bank; its payouts are on their way then. ``file_of`` gives the bytes.

    Again is no change. Raises BatchNotWaiting, NeedsAnother, FileDiffers.
    """
    batch = _locked(batch_id)
    _refuse_the_paid(batch, by=by)
    if batch.state in {State.EXPORTED, State.ANSWERED}:
        return batch
    if batch.state != State.CLOSED:
        raise BatchNotWaiting(f"This file cannot go any more: {batch.get_state_display()}.")
    if batch.needs_two and batch.checked_by_id in {None, by.pk}:
        raise NeedsAnother(
            "This file is large: one member of staff checks it, and another hands it to the bank."
        )
    file_of(batch)
    batch.approved_by, batch.exported_at = by, at
    batch.save(update_fields=["approved_by", "exported_at"])
    batch = states.move(batch, to=State.EXPORTED, why="Handed to the bank", at=at, by_id=by.pk)
    entries = batch.entries.select_related("payout__destination").order_by("payout_id")
    for entry in entries.select_for_update(no_key=True, of=("payout",)):
        payout = entry.payout
        payout.rail_ref = batch.message_id
        payout.save(update_fields=["rail_ref"])
        bookings.follow(payout, transfer=transfer_of(entry, state=base.State.ACCEPTED), at=at)
    return batch


def transfer_of(entry: SepaEntry, *, state: base.State, reason: str = "") -> base.Transfer:
    """An entry as rails tell of transfers."""
    return base.Transfer(
        rail_ref=entry.batch_id.hex,
        reference=str(entry.payout_id),
        amount_minor=entry.amount_minor,
        currency="EUR",
        state=state,
        reason=reason,
    )


@transaction.atomic(durable=True)
def dissolve_batch(*, batch_id: UUID, by: User, why: str, at: datetime) -> SepaBatch:
    """Give up a file that never left the house: its payouts wait for the next one.

    Raises BatchNotWaiting.
    """
    batch = _locked(batch_id)
    if batch.state == State.DISSOLVED:
        return batch
    if batch.state != State.CLOSED:
        raise BatchNotWaiting(
            "This file was handed to the bank. What the bank rejects comes back by its own file."
        )
    batch.ended_at = at
    batch.save(update_fields=["ended_at"])
    batch = states.move(batch, to=State.DISSOLVED, why=why, at=at, by_id=by.pk)
    entries = batch.entries.select_related("payout").order_by("payout_id")
    for entry in entries.select_for_update(no_key=True, of=("self", "payout")):
        states.move(entry, to=SepaEntry.State.WITHDRAWN, why=why, at=at, by_id=by.pk)
        payout = entry.payout
        states.move(payout, to=Payout.State.RESERVED, why="The file was dissolved", at=at)
    return batch


@transaction.atomic
def end_if_answered(*, batch_id: UUID, at: datetime) -> None:
    """Note that the bank has answered about each transfer of the file."""
    batch = _locked(batch_id)
    is_open = batch.entries.filter(state=SepaEntry.State.SENT).exists()
    if batch.state == State.EXPORTED and not is_open:
        batch.ended_at = at
        batch.save(update_fields=["ended_at"])
        states.move(batch, to=State.ANSWERED, why="The bank has answered in full", at=at)


def _locked(batch_id: UUID) -> SepaBatch:
    return SepaBatch.objects.select_for_update(no_key=True).get(pk=batch_id)


def _refuse_the_paid(batch: SepaBatch, *, by: User) -> None:
    if batch.entries.filter(payout__creator=by).exists():
        raise NeedsAnother("You are paid by this file. Another member of staff lets it go.")
