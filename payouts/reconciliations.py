"""Reconciliation of payouts: our books beside each rail's, by id, in both directions.

Promises: every transfer of the rail's is looked for among our payouts and every payout that was
taken in the rail's book; what the rail knows better (a return long after) is first followed by the
same deed that looks it up, and only what still differs then is a difference. SEPA files are held
against their payouts as they were handed out. Staff look at differences; none moves money.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from payouts import sepa_batches, submissions
from payouts.models import BankFileLine, Destination, Payout, SepaBatch, SepaEntry
from payouts.rails import base, sepa
from wallet.models import Difference, Reconciliation
from wallet.money import money

# What a rail's side of it can end in: the run has no end then, and is made again.
NO_ANSWER: Final = (base.Unavailable,)
NOTHING: Final = "nothing"
NIL: Final = UUID(int=0)
# What was sent at the edge of the span may bear a time on the other side of it.
EDGE: Final = timedelta(hours=2)
RAILS_MODULE: Final = "payouts.rails."

State = Payout.State
# A payout's state as rails tell of transfers.
AS_TOLD: Final = {
    State.SUBMITTED: base.State.ACCEPTED,
    State.PAID: base.State.PAID,
    State.RETURNED: base.State.RETURNED,
    State.FAILED: base.State.FAILED,
}
ENTRY_AS_TOLD: Final = {
    SepaEntry.State.SENT: base.State.ACCEPTED,
    SepaEntry.State.PAID: base.State.PAID,
    SepaEntry.State.REJECTED: base.State.FAILED,
    SepaEntry.State.RETURNED: base.State.RETURNED,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One difference, before it is written down."""

    ref: str
    ours: str
    theirs: str


def used_rails(*, since: datetime) -> list[str]:
    """The rails by which something was sent since then."""
    sent = Payout.objects.filter(sent_at__gte=since)
    return sorted(set(sent.values_list("destination__rail", flat=True)))


def reconcile(*, rail: str, since: datetime, until: datetime) -> Reconciliation:
    """Compare one rail's book with our payouts over [since, until). Safe to repeat.

    Raises base.Unavailable: the run has no end then, and the next one compares it again.
    """
    run = Reconciliation.objects.create(provider=RAILS_MODULE + rail, since=since, until=until)
    if rail in Destination.IN_FILES:
        found, names = _files(since=since, until=until)
    else:
        theirs = base.open_rail(rail).list_since(since=since - EDGE)
        found, names = _theirs(theirs, rail=rail, at=until)
    ours = list(_ours(rail=rail, since=since, until=until))
    found += [seen for payout_id, seen in ours if payout_id not in names]
    with transaction.atomic(durable=True):
        Difference.objects.bulk_create(
            Difference(
                reconciliation=run,
                kind=Difference.Kind.PAYOUT,
                ref=seen.ref[:100],
                ours=seen.ours[:120],
                theirs=seen.theirs[:120],
            )
            for seen in found
        )
        run.compared, run.ended_at = len(names) + len(ours), datetime.now(UTC)
        run.save(update_fields=["compared", "ended_at"])
    return run


def reconcile_recent(*, at: datetime, over: timedelta) -> list[Reconciliation]:
    """Compare the recent past of every rail; those that do not answer are left to the next."""
    runs = []
    for rail in used_rails(since=at - over):
        try:
            runs.append(reconcile(rail=rail, since=at - over, until=at))
        except NO_ANSWER:
            continue
    return runs


def _theirs(
    transfers: Iterable[base.Transfer], *, rail: str, at: datetime
) -> tuple[list[Seen], set[UUID]]:
    """What differs about the rail's transfers, and the payouts that they are."""
    found: list[Seen] = []
    standing: dict[UUID, str] = {}  # the transfer that a payout is, of those that did not fail
    names: set[UUID] = set()
    for transfer in transfers:
        payout = Payout.objects.filter(pk=_id(transfer.reference), destination__rail=rail).first()
        theirs = _words(transfer.state, transfer.amount_minor, transfer.currency)
        if payout is None:
            if transfer.state != base.State.FAILED:
                found.append(Seen(transfer.rail_ref, NOTHING, theirs))
            continue
        names.add(payout.pk)
        if transfer.state != base.State.FAILED:
            first = standing.setdefault(payout.pk, transfer.rail_ref)
            if first != transfer.rail_ref:
                found.append(Seen(transfer.rail_ref, f"sent once, as {first}", f"again: {theirs}"))
                continue
        payout = submissions.follow_transfer(payout_id=payout.pk, transfer=transfer, at=at)
        ours = _ours_words(payout)
        if ours != theirs:
            found.append(Seen(transfer.rail_ref, f"{payout.pk}: {ours}", theirs))
    return found, names


def _files(*, since: datetime, until: datetime) -> tuple[list[Seen], set[UUID]]:
    """What differs between the files that were handed out, their lines and their payouts."""
    found: list[Seen] = []
    names: set[UUID] = set()
    handed = SepaBatch.objects.filter(exported_at__gte=since - EDGE, exported_at__lt=until + EDGE)
    for batch in handed.order_by("exported_at", "pk"):
        entries = {
            entry.end_to_end_id: entry
            for entry in batch.entries.select_related("payout__destination")
        }
        _, _, lines = sepa.read_order(sepa_batches.file_of(batch))
        for line in lines:
            entry = entries.pop(line.end_to_end_id, None)
            if entry is None:
                asked = _words(base.State.ACCEPTED, line.amount_minor, "EUR")
                found.append(Seen(line.end_to_end_id, NOTHING, asked))
                continue
            names.add(entry.payout_id)
            theirs = _words(ENTRY_AS_TOLD[SepaEntry.State(entry.state)], line.amount_minor, "EUR")
            ours = _ours_words(entry.payout)
            if ours != theirs:
                found.append(Seen(line.end_to_end_id, f"{entry.payout_id}: {ours}", theirs))
        found += [
            Seen(name, f"{entry.payout_id}: in {batch}", "not in the file")
            for name, entry in entries.items()
        ]
    return found + list(_troubles(since=since, until=until)), names


def _troubles(*, since: datetime, until: datetime) -> Iterator[Seen]:
    """What the bank said that nothing of ours fits to."""
    lines = BankFileLine.objects.filter(
        outcome__in=BankFileLine.TROUBLES, handled_at__gte=since, handled_at__lt=until
    )
    for line in lines.select_related("file").order_by("pk"):
        amount = f" {money(line.amount_minor, 'EUR')}" if line.amount_minor is not None else ""
        yield Seen(
            line.reference, line.get_outcome_display(), f"{line.status}{amount}, {line.file}"
        )


def _ours(*, rail: str, since: datetime, until: datetime) -> Iterator[tuple[UUID, Seen]]:
    """Every payout that the rail took in the span."""
    taken = Payout.objects.filter(
        destination__rail=rail,
        submitted_at__gte=since,
        submitted_at__lt=until,
        sent_at__gte=since,
    )
    for payout in taken.order_by("submitted_at", "pk").iterator():
        yield payout.pk, Seen(str(payout.pk), _ours_words(payout), NOTHING)


def _ours_words(payout: Payout) -> str:
    told = AS_TOLD.get(State(payout.state))
    return _words(told or payout.state, payout.sent_minor, payout.currency)


def _words(state: str, amount_minor: int, currency: str) -> str:
    return f"{state} {money(amount_minor, currency)}" if currency else str(state)


def _id(text: str) -> UUID:
    """Our id that a transfer carries; the nil id, which nothing has, if it carries none."""
    try:
        return UUID(text)
    except ValueError:
        return NIL
