"""Payouts: set aside, sent once, and booked as the bank says, whatever it says and when."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import CreatorProfile, Notice, OutboxEvent, StateChange, User
from payouts import queries, services, settlements, submissions
from payouts.models import Destination, Payout
from payouts.rails import base
from payouts.risk import NotEligible
from tests import factories
from tests.payouts.books import Books, books, give_diamonds, set_account
from tests.payouts.memory_rail import MemoryRail
from wallet import ledger
from wallet.models import Operation


def raising(error: BaseException) -> Callable[[], None]:
    def stop() -> None:
        raise error

    return stop


def pay_out(creator: User, milli: int = 4_000_000, *, currency: str = "EUR") -> Payout:
    """Settle the creator's diamonds; the payout that the run has reserved (€18.00)."""
    set_account(creator, currency=currency)
    give_diamonds(creator, milli)
    now = timezone.now()
    run = settlements.start_settlement(
        period_key=str(ledger.new_operation_id()), cutoff_at=now, at=now
    )
    settlements.continue_settlement(run_id=run.pk, at=now)
    return Payout.objects.get(creator=creator)


def advance(payout: Payout, *, after: timedelta = timedelta()) -> Payout:
    """Let the payout's next look come, ``after`` what is due at the soonest."""
    at = max(timezone.now(), payout.due_at or timezone.now()) + after
    submissions.advance_payout(payout_id=payout.pk, at=at)
    payout.refresh_from_db()
    return payout


def history(payout: Payout) -> list[str]:
    rows = StateChange.objects.filter(subject_id=str(payout.pk)).order_by("pk")
    return [row.after for row in rows]


def with_cash(creator: User, *, currency: str = "EUR") -> None:
    """€18.00 that can be paid, none of it on its way: a payout that was cancelled."""
    payout = pay_out(creator, currency=currency)
    services.cancel_payout(payout_id=payout.pk, by=creator, why="Later", at=timezone.now())


def ask(creator: User, amount_minor: int = 1800, *, payout_id: UUID | None = None) -> Payout:
    return services.request_payout(
        payout_id=payout_id or ledger.new_operation_id(),
        creator=creator,
        amount_minor=amount_minor,
        at=timezone.now(),
    )


def test_a_payout_is_sent_taken_and_paid(bob: User, rail: MemoryRail) -> None:
    payout = advance(pay_out(bob))
    assert (payout.state, payout.rail_ref, payout.attempts) == ("submitted", "m1", 1)
    assert books(bob) == Books(in_payout=1800)

    rail.move(str(payout.pk), base.State.PAID)
    payout = advance(payout)

    assert payout.state == "paid"
    assert books(bob) == Books(paid=1800)
    assert history(payout) == ["sending", "submitted", "paid"]
    assert (
        OutboxEvent.objects.filter(name="payout.paid", subject=f"payout:{payout.pk}").count() == 1
    )
    notice = Notice.objects.get(user=bob, kind="payout")
    assert notice.title == "€18.00 has been paid to your bank account"
    assert [(row.amount_minor, row.currency) for row in rail.book] == [(1800, "EUR")]
    assert ledger.audit() == []


def test_a_bank_that_fails_the_transfer_gives_the_money_back_and_closes_the_account(
    bob: User, rail: MemoryRail
) -> None:
    payout = advance(pay_out(bob))
    rail.move(str(payout.pk), base.State.FAILED, "AC04")

    payout = advance(payout)

    assert (payout.state, payout.failure) == ("failed", "The account is closed.")
    assert books(bob) == Books(payable=1800)
    destination = Destination.objects.get(creator=bob)
    assert (destination.blocked_why, destination.blocked_at is None) == (
        "The account is closed.",
        False,
    )
    assert OutboxEvent.objects.filter(name="payout.failed").count() == 1
    with pytest.raises(NotEligible, match="The account is closed"):
        ask(bob)
    assert books(bob) == Books(payable=1800)


def test_a_declined_instruction_fails_at_once(bob: User, rail: MemoryRail) -> None:
    rail.declines = base.Declined("account must be 4 to 64 letters.", is_about_account=True)

    payout = advance(pay_out(bob))

    assert (payout.state, payout.failure) == ("failed", "account must be 4 to 64 letters.")
    assert payout.due_at is None
    assert books(bob) == Books(payable=1800)
    assert rail.book == []


def test_money_that_comes_back_is_the_creators_again(bob: User, rail: MemoryRail) -> None:
    payout = advance(pay_out(bob))
    rail.move(str(payout.pk), base.State.PAID)
    payout = advance(payout)
    assert books(bob) == Books(paid=1800)

    rail.move(str(payout.pk), base.State.RETURNED, "AC06")
    payout = advance(payout)

    assert (payout.state, payout.failure, payout.due_at) == (
        "returned",
        "The account is blocked.",
        None,
    )
    assert books(bob) == Books(payable=1800)
    assert Destination.objects.get(creator=bob).blocked_why == "The account is blocked."
    assert Notice.objects.filter(user=bob, title="Your bank sent €18.00 back").count() == 1
    assert OutboxEvent.objects.filter(name="payout.returned").count() == 1
    assert ledger.audit() == []


def test_paid_and_returned_before_we_looked_books_both(bob: User, rail: MemoryRail) -> None:
    payout = advance(pay_out(bob))
    rail.move(str(payout.pk), base.State.RETURNED, "AC06")

    payout = advance(payout)

    assert history(payout) == ["sending", "submitted", "paid", "returned"]
    assert books(bob) == Books(payable=1800)


def test_a_lost_answer_is_looked_up_and_never_sent_again(bob: User, rail: MemoryRail) -> None:
    rail.after = raising(base.Unknown("The line was cut."))
    payout = advance(pay_out(bob))
    assert (payout.state, payout.failure) == ("unknown", "The line was cut.")
    assert books(bob) == Books(in_payout=1800)

    payout = advance(payout)

    assert payout.state == "submitted"
    assert rail.calls == ["submit", "lookup"]
    assert len(rail.book) == 1


def test_a_lost_request_is_sent_again_only_when_it_can_no_longer_arrive(
    bob: User, rail: MemoryRail
) -> None:
    rail.before = raising(base.Unknown("No answer."))
    payout = advance(pay_out(bob))
    sent_at = payout.sent_at
    assert sent_at is not None
    rail.before = lambda: None

    payout = advance(payout)
    assert (payout.state, rail.calls) == ("unknown", ["submit", "lookup"])
    assert payout.failure == "The bank does not know it yet."

    submissions.advance_payout(payout_id=payout.pk, at=sent_at + submissions.RESEND_AFTER)
    payout.refresh_from_db()
    assert (payout.state, payout.attempts) == ("submitted", 2)
    assert rail.calls == ["submit", "lookup", "lookup", "submit"]
    assert len(rail.book) == 1


def test_a_request_that_arrives_late_is_found_and_paid_once(bob: User, rail: MemoryRail) -> None:
    rail.before = raising(base.Unknown("No answer."))
    payout = advance(pay_out(bob))
    payout = advance(payout)
    rail.before = lambda: None
    rail.submit(
        base.Instruction(
            reference=str(payout.pk),
            amount_minor=1800,
            currency="EUR",
            account="x",
            holder_name="x",
        )
    )
    rail.move(str(payout.pk), base.State.PAID)

    payout = advance(payout)

    assert payout.state == "paid"
    assert len(rail.book) == 1
    assert books(bob) == Books(paid=1800)


def test_a_bank_that_cannot_be_reached_leaves_the_payout_reserved_and_cancellable(
    bob: User, rail: MemoryRail
) -> None:
    rail.before = raising(base.Unavailable("The bank could not be reached."))
    payout = advance(pay_out(bob))
    assert (payout.state, payout.failure) == ("reserved", "The bank could not be reached.")

    services.cancel_payout(payout_id=payout.pk, by=bob, why="Later", at=timezone.now())

    assert books(bob) == Books(payable=1800)


def test_a_bank_that_cannot_be_reached_after_an_unclear_try_leaves_it_in_doubt(
    bob: User, rail: MemoryRail
) -> None:
    rail.before = raising(base.Unknown("No answer."))
    payout = advance(pay_out(bob))
    rail.before = raising(base.Unavailable("The bank could not be reached."))

    payout = advance(payout, after=submissions.RESEND_AFTER)

    assert (payout.state, payout.attempts) == ("unknown", 2)
    with pytest.raises(services.TooLate):
        services.cancel_payout(payout_id=payout.pk, by=bob, why="Later", at=timezone.now())
    assert books(bob) == Books(in_payout=1800)


def test_a_worker_that_died_while_sending_is_followed_by_a_look_up(
    bob: User, rail: MemoryRail
) -> None:
    payout = pay_out(bob)
    rail.after = raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        advance(payout)
    payout.refresh_from_db()
    assert payout.state == "sending"
    assert not submissions.advance_payout(payout_id=payout.pk, at=timezone.now())

    submissions.advance_payout(payout_id=payout.pk, at=timezone.now() + submissions.LEASE)

    payout.refresh_from_db()
    assert payout.state == "submitted"
    assert rail.calls == ["submit", "lookup"]
    assert history(payout) == ["sending", "unknown", "submitted"]


def test_the_word_of_a_try_that_was_overtaken_is_worth_nothing(bob: User, rail: MemoryRail) -> None:
    payout = pay_out(bob)
    overtaken = submissions._lease(payout_id=payout.pk, at=timezone.now())
    assert overtaken is not None
    submissions.advance_payout(payout_id=payout.pk, at=timezone.now() + submissions.LEASE)
    payout.refresh_from_db()
    assert (payout.state, payout.attempts) == ("submitted", 2)

    submissions._fail(overtaken, why="Declined", is_about_account=True, at=timezone.now())

    payout.refresh_from_db()
    assert payout.state == "submitted"
    assert books(bob) == Books(in_payout=1800)


@pytest.mark.parametrize(("ends_as", "books_after"), [
    (base.State.RETURNED, Books(payable=1800)),
    (base.State.FAILED, Books(payable=1800)),
])  # fmt: skip
def test_the_word_of_a_worker_that_hung_until_the_payout_was_over_is_worth_nothing(
    bob: User, rail: MemoryRail, ends_as: base.State, books_after: Books
) -> None:
    """Both have looked it up, and the other was faster: its end is booked once."""
    payout = pay_out(bob)
    advance(payout)
    rail.move(str(payout.pk), ends_as, "AC04")

    def other_worker() -> None:
        rail.on_lookup = lambda: None
        advance(payout, after=2 * submissions.LEASE)

    rail.on_lookup = other_worker
    advance(payout, after=submissions.LEASE)

    payout.refresh_from_db()
    assert (payout.state, payout.due_at) == (ends_as, None)
    assert history(payout).count(ends_as) == 1
    assert books(bob) == books_after


def test_a_payout_is_leased_from_when_its_turn_comes_in_a_slow_sweep(
    db: None, rail: MemoryRail
) -> None:
    """Otherwise its lease would be over, and another worker would send it once more."""
    for handle in ("carla", "dora"):
        pay_out(factories.make_creator(handle))
    seconds = [0]

    def take_long() -> None:
        seconds[0] += 130

    rail.before = take_long
    at = timezone.now()

    submissions.sweep_payouts(at=at, clock_ns=lambda: seconds[0] * 10**9)

    sent = list(Payout.objects.order_by("sent_at").values_list("sent_at", flat=True))
    assert sent == [at, at + timedelta(seconds=130)]


def test_another_amount_at_the_bank_is_shown_and_never_acted_on(
    bob: User, rail: MemoryRail
) -> None:
    payout = advance(pay_out(bob))
    Payout.objects.filter(pk=payout.pk).update(amount_minor=1799)
    rail.move(str(payout.pk), base.State.PAID)

    payout = advance(payout)

    assert payout.state == "submitted"
    assert payout.failure == "The bank has another amount under this reference."
    assert books(bob) == Books(in_payout=1800)


def test_a_paid_payout_is_watched_for_returns_and_then_left_alone(
    bob: User, rail: MemoryRail
) -> None:
    payout = advance(pay_out(bob))
    rail.move(str(payout.pk), base.State.PAID)
    payout = advance(payout)
    assert payout.due_at is not None

    payout = advance(payout, after=timedelta(days=30))

    assert (payout.state, payout.due_at) == ("paid", None)


def test_a_sweep_finds_every_open_payout_that_is_due(db: None, rail: MemoryRail) -> None:
    creators = [factories.make_creator(f"creator{number}") for number in range(3)]
    for creator in creators:
        pay_out(creator)

    swept = submissions.sweep_payouts(at=timezone.now())

    assert swept == 3
    assert set(Payout.objects.values_list("state", flat=True)) == {"submitted"}
    assert submissions.sweep_payouts(at=timezone.now()) == 0


def test_the_creator_asks_for_a_payout_once_however_often_the_form_is_sent(bob: User) -> None:
    with_cash(bob)
    payout_id = ledger.new_operation_id()

    first = ask(bob, payout_id=payout_id)
    again = ask(bob, payout_id=payout_id)

    assert first.pk == again.pk == payout_id
    assert first.run_id is None
    assert books(bob) == Books(in_payout=1800)


def test_the_same_id_with_another_amount_is_a_conflict(bob: User) -> None:
    with_cash(bob)
    payout_id = ledger.new_operation_id()
    ask(bob, payout_id=payout_id)

    with pytest.raises(ledger.OperationConflict):
        ask(bob, 1700, payout_id=payout_id)

    assert books(bob) == Books(in_payout=1800)


def test_more_than_there_is_is_refused_and_moves_nothing(bob: User) -> None:
    with_cash(bob)

    with pytest.raises(services.NothingToPay, match="Your balance has changed"):
        ask(bob, 1801)

    assert books(bob) == Books(payable=1800)
    assert Operation.objects.filter(result__refusal="insufficient_cash").count() == 1
    assert Payout.objects.count() == 1


def test_less_than_the_minimum_is_refused_with_the_minimum(bob: User) -> None:
    with_cash(bob)

    with pytest.raises(services.TooLittle, match=r"Payouts start at €9\.00"):
        ask(bob, 899)

    assert books(bob) == Books(payable=1800)


def test_a_creator_who_does_not_meet_the_gate_is_told_why(bob: User) -> None:
    with_cash(bob)
    type(bob).objects.filter(pk=bob.pk).update(birth_date=None)

    with pytest.raises(NotEligible, match="We do not know your country and birth date"):
        ask(bob)

    assert books(bob) == Books(payable=1800)


def test_a_payout_with_the_bank_cannot_be_cancelled(bob: User, rail: MemoryRail) -> None:
    payout = advance(pay_out(bob))

    with pytest.raises(services.TooLate, match="with the bank"):
        services.cancel_payout(payout_id=payout.pk, by=bob, why="Later", at=timezone.now())

    assert books(bob) == Books(in_payout=1800)


def test_cancelling_twice_gives_the_money_back_once(bob: User) -> None:
    payout = pay_out(bob)

    for _ in range(2):
        services.cancel_payout(payout_id=payout.pk, by=bob, why="Later", at=timezone.now())

    assert books(bob) == Books(payable=1800)
    assert ledger.audit() == []


def test_a_cancelled_payout_is_not_sent(bob: User, rail: MemoryRail) -> None:
    payout = pay_out(bob)
    services.cancel_payout(payout_id=payout.pk, by=bob, why="Later", at=timezone.now())

    submissions.sweep_payouts(at=timezone.now() + timedelta(hours=1))

    assert rail.calls == []


def test_a_large_payout_waits_for_two_members_of_staff_with_its_cash_set_aside(
    bob: User, olga: User, rail: MemoryRail
) -> None:
    oscar = factories.make_staff("oscar")
    payout = pay_out(bob, 200_000_000)  # US$1,000 at €0.90: exactly the bound
    assert (payout.state, payout.needs_approval, payout.amount_minor) == ("requested", True, 90_000)
    submissions.sweep_payouts(at=timezone.now() + timedelta(hours=1))
    assert rail.calls == []

    services.approve_payout(payout_id=payout.pk, by=olga, at=timezone.now())
    submissions.sweep_payouts(at=timezone.now() + timedelta(hours=1))
    assert rail.calls == []

    services.approve_payout(payout_id=payout.pk, by=oscar, at=timezone.now())
    submissions.sweep_payouts(at=timezone.now())

    payout.refresh_from_db()
    assert (payout.state, payout.checked_by, payout.approved_by) == ("submitted", olga, oscar)
    assert history(payout) == ["checked", "reserved", "sending", "submitted"]
    assert books(bob) == Books(in_payout=90_000)


def test_one_cent_less_needs_nobody(bob: User) -> None:
    payout = pay_out(bob, 199_999_000)

    assert (payout.amount_minor, payout.state, payout.needs_approval) == (89_999, "reserved", False)


def test_the_same_person_cannot_give_both_approvals(bob: User, olga: User) -> None:
    payout = pay_out(bob, 200_000_000)
    services.approve_payout(payout_id=payout.pk, by=olga, at=timezone.now())

    with pytest.raises(services.SamePerson):
        services.approve_payout(payout_id=payout.pk, by=olga, at=timezone.now())

    payout.refresh_from_db()
    assert (payout.state, payout.approved_by) == ("checked", None)


def test_staff_cannot_approve_their_own_payout(olga: User) -> None:
    CreatorProfile.objects.create(creator=olga)
    payout = pay_out(olga, 200_000_000)

    with pytest.raises(services.SamePerson):
        services.approve_payout(payout_id=payout.pk, by=olga, at=timezone.now())

    payout.refresh_from_db()
    assert (payout.state, payout.checked_by) == ("requested", None)


@pytest.mark.parametrize("pair", ["same staff", "the creator"])
def test_the_database_refuses_one_person_in_two_roles(bob: User, olga: User, pair: str) -> None:
    payout = pay_out(bob, 200_000_000)
    first, second = (olga, olga) if pair == "same staff" else (bob, olga)

    with pytest.raises(IntegrityError, match="payout_two_people"), transaction.atomic():
        Payout.objects.filter(pk=payout.pk).update(checked_by=first, approved_by=second)


def test_the_database_refuses_a_large_payout_on_its_way_without_two_approvals(
    bob: User, olga: User
) -> None:
    payout = pay_out(bob, 200_000_000)

    with pytest.raises(IntegrityError, match="payout_approved_when_large"), transaction.atomic():
        Payout.objects.filter(pk=payout.pk).update(state="reserved", checked_by=olga)


def test_a_payout_that_does_not_wait_cannot_be_approved(bob: User, olga: User) -> None:
    payout = pay_out(bob)

    with pytest.raises(services.NotWaiting):
        services.approve_payout(payout_id=payout.pk, by=olga, at=timezone.now())


def test_a_new_account_leaves_payouts_on_their_way_to_the_old_one(
    bob: User, rail: MemoryRail
) -> None:
    payout = pay_out(bob)
    old = payout.destination_id

    new = set_account(bob, account="GB33BUKB20201555555555")
    payout = advance(payout)

    assert (payout.destination_id, payout.state) == (old, "submitted")
    assert queries.destination_in_use(creator_id=bob.pk) == new


def test_looks_come_soon_at_first_and_hourly_at_last(bob: User, rail: MemoryRail) -> None:
    payout = advance(pay_out(bob))
    assert payout.sent_at is not None
    sent: datetime = payout.sent_at

    def next_after(gone: timedelta) -> timedelta:
        submissions.advance_payout(payout_id=payout.pk, at=sent + gone)
        payout.refresh_from_db()
        assert payout.due_at is not None
        return payout.due_at - (sent + gone)

    assert payout.due_at == sent + timedelta(seconds=5)
    assert next_after(timedelta(minutes=2)) == timedelta(seconds=30)
    assert next_after(timedelta(days=1)) == timedelta(hours=1)
