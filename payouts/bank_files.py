"""What the bank writes back: read once, then followed line by line.

Promises: a file is kept as it came, encrypted, and the same bytes again change nothing; each line
is a deed of its own that a sweep finds again; a line that is unknown, of another amount, said
before or in contradiction moves nothing and says so. Money comes back once.
"""

import hashlib
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from accounts import encryption, states
from accounts.models import User
from payouts import bookings, sepa_batches
from payouts.models import BankFile, BankFileLine, Payout, SepaBatch, SepaEntry
from payouts.rails import base, sepa

Outcome = BankFileLine.Outcome
Entry = SepaEntry.State

LINES_A_SWEEP: Final = 500
NIL: Final = UUID(int=0)
MOVES: Final = {
    Entry.PAID: base.State.PAID,
    Entry.REJECTED: base.State.FAILED,
    Entry.RETURNED: base.State.RETURNED,
}


class UnreadableFile(Exception):
    """The file is none of the bank's, or cannot be read safely."""


def read_bank_file(*, content: bytes, name: str, at: datetime, by: User | None = None) -> BankFile:
    """Keep a file of the bank's and follow what it says. Raises UnreadableFile.

    The same file again is the one that was read before; what was left undone then is done now.
    """
    try:
        report = sepa.read_report(content)
    except sepa.Unreadable as error:
        raise UnreadableFile(str(error)) from error
    file = _keep(content, report=report, name=name, by=by, at=at)
    follow_lines(at=at, file=file, limit=None)
    return file


@transaction.atomic(durable=True)
def _keep(
    content: bytes, *, report: sepa.Report, name: str, by: User | None, at: datetime
) -> BankFile:
    digest = hashlib.sha256(content).hexdigest()
    file, is_new = BankFile.objects.get_or_create(
        sha256=digest,
        defaults={
            "kind": report.kind,
            "message_id": report.message_id,
            "content_sealed": encryption.encrypt(content, context=f"bankfile:{digest}:content"),
            "name": name[:100],
            "read_at": at,
            "read_by": by,
        },
    )
    if is_new:
        BankFileLine.objects.bulk_create(
            BankFileLine(
                file=file,
                number=number,
                reference=said.reference,
                batch_ref=said.batch_ref,
                status=said.status,
                reason=said.reason,
                amount_minor=said.amount_minor,
                currency=said.currency,
            )
            for number, said in enumerate(_each(report), start=1)
        )
    return file


def _each(report: sepa.Report) -> list[sepa.Said]:
    """What is said of a file as a whole, as said of each of its transfers not named themselves."""
    named = {said.reference for said in report.said if said.reference}
    lines = [said for said in report.said if said.reference]
    for whole in report.said:
        if whole.reference:
            continue
        entries = SepaEntry.objects.filter(batch=_id(whole.batch_ref)).order_by("payout_id")
        references = [entry.end_to_end_id for entry in entries]
        for reference in references or [whole.batch_ref]:
            if reference not in named:
                named.add(reference)
                lines.append(
                    sepa.Said(
                        reference=reference,
                        batch_ref=whole.batch_ref,
                        status=whole.status,
                        reason=whole.reason,
                    )
                )
    return lines


def follow_lines(*, at: datetime, file: BankFile | None = None, limit: int | None = None) -> int:
    """Follow the lines that wait, oldest first; how many."""
    waiting = BankFileLine.objects.filter(outcome=Outcome.WAITING).order_by("pk")
    if file is not None:
        waiting = waiting.filter(file=file)
    ids = list(waiting.values_list("pk", flat=True)[:limit])
    for line_id in ids:
        _follow(line_id, at=at)
    return len(ids)


def sweep(*, at: datetime) -> int:
    """Follow what a reader that died has left."""
    return follow_lines(at=at, limit=LINES_A_SWEEP)


@transaction.atomic(durable=True)
def _follow(line_id: int, *, at: datetime) -> None:
    """Do what one line says, if it is a next step of a transfer that we handed over."""
    line = (
        BankFileLine.objects.select_for_update(no_key=True, skip_locked=True)
        .filter(pk=line_id, outcome=Outcome.WAITING)
        .first()
    )
    if line is None:
        return
    payout = (
        Payout.objects.select_for_update(no_key=True, of=("self",))
        .select_related("destination")
        .filter(pk=_id(line.reference))
        .first()
    )
    entry = _entry_of(payout, line=line)
    line.entry, line.handled_at = entry, at
    line.outcome = _outcome(line, entry=entry)
    line.save(update_fields=["entry", "outcome", "handled_at"])
    if line.outcome == Outcome.DONE:
        assert entry is not None
        assert payout is not None
        _move(entry, payout=payout, line=line, at=at)


def _entry_of(payout: Payout | None, *, line: BankFileLine) -> SepaEntry | None:
    """The payout's transfer in the file that the bank names, or in the last one of all."""
    if payout is None:
        return None
    entries = SepaEntry.objects.select_related("batch").filter(payout=payout)
    if line.batch_ref:
        entries = entries.filter(batch=_id(line.batch_ref))
    return entries.order_by("-pk").first()


def _outcome(line: BankFileLine, *, entry: SepaEntry | None) -> str:
    """Judge a line by where its transfer is."""
    if entry is None:
        return Outcome.UNKNOWN
    if entry.batch.state not in {SepaBatch.State.EXPORTED, SepaBatch.State.ANSWERED}:
        return Outcome.NOT_SENT
    if line.amount_minor is not None and (line.amount_minor, line.currency) != (
        entry.amount_minor,
        "EUR",
    ):
        return Outcome.WRONG_AMOUNT
    to = _state_of(line)
    if to is None:
        return Outcome.NOTED if line.status in sepa.ON_ITS_WAY else Outcome.UNKNOWN
    if to == entry.state or (to == Entry.PAID and entry.state == Entry.RETURNED):
        return Outcome.SAID_BEFORE
    return Outcome.DONE if to in SepaEntry.TRANSITIONS.get(entry.state, ()) else Outcome.CONTRADICTS


def _state_of(line: BankFileLine) -> SepaEntry.State | None:
    if line.status in sepa.SETTLED:
        return Entry.PAID
    if line.status in sepa.REFUSED:
        return Entry.REJECTED
    return Entry.RETURNED if line.status == sepa.RETURNED else None


def _move(entry: SepaEntry, *, payout: Payout, line: BankFileLine, at: datetime) -> None:
    to = _state_of(line)
    assert to is not None, "judged before"
    entry.reason = line.reason
    entry.save(update_fields=["reason"])
    states.move(entry, to=to, why=f"{line.file}, line {line.number}", at=at)
    transfer = sepa_batches.transfer_of(entry, state=MOVES[to], reason=line.reason)
    bookings.follow(payout, transfer=transfer, at=at)
    # The bank writes what comes next into its files; there is nobody to ask.
    payout.due_at = None
    payout.save(update_fields=["due_at"])
    sepa_batches.end_if_answered(batch_id=entry.batch_id, at=at)


def _id(text: str) -> UUID:
    """Our id that the bank gives back; the nil id, which nothing has, if it is none."""
    try:
        return UUID(text)
    except ValueError:
        return NIL
