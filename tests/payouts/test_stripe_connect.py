"""Paying creators by Stripe Connect: the real client against the stand-in, over HTTP."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Notice, User
from payouts import destinations, settlements, stripe_accounts, submissions
from payouts.models import Destination, Payout, StripeAccount
from payouts.rails import base
from payouts.rails.stripe_connect import StripeConnect
from tests import factories
from tests.payouts.books import Books, books, give_diamonds, set_account
from tests.payouts.test_payouts import advance, history
from tests.payouts.test_studio import page, sign_in_just_now
from tests.standin import CONNECT_SECRET, Standin, eventually, running_standin
from wallet import ledger
from wallet.providers import stripe_calls

BACK = "http://localhost:8000/studio/destination/stripe/back/"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running_standin(tmp_path_factory.mktemp("standin")) as running:
        yield running


@pytest.fixture
def standin(program: Standin, settings: LazySettings) -> Iterator[Standin]:
    settings.STRIPE_API_URL = program.url
    settings.STRIPE_API_KEY = program.api_key
    settings.STRIPE_CONNECT_WEBHOOK_SECRET = CONNECT_SECRET
    settings.PAYOUT_RAILS = ["bank", "sepa", "stripe"]
    yield program
    program.faults()
    program.transfers()


@pytest.fixture(scope="module")
def forgetful_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running_standin(tmp_path_factory.mktemp("forgetful"), key_life_s="0.2") as running:
        yield running


@pytest.fixture
def forgetful(forgetful_program: Standin, settings: LazySettings) -> Standin:
    """One that remembers a key for a moment only."""
    settings.STRIPE_API_URL = forgetful_program.url
    settings.STRIPE_API_KEY = forgetful_program.api_key
    settings.PAYOUT_RAILS = ["stripe"]
    return forgetful_program


@pytest.fixture
def account(standin: Standin) -> str:
    """A German account that takes transfers."""
    return open_account(standin)


def open_account(standin: Standin, country: str = "DE") -> str:
    rail = StripeConnect()
    made = rail.open_account(key=ledger.new_operation_id().hex, country=country, email="b@x.test")
    standin.onboard(rail.onboarding_url(ref=made.ref, return_url=BACK, refresh_url=BACK))
    return made.ref


def instruct(account: str, *, reference: str = "", amount_minor: int = 1234) -> base.Instruction:
    return base.Instruction(
        reference=reference or str(ledger.new_operation_id()),
        amount_minor=amount_minor,
        currency="EUR",
        account=account,
        holder_name="Bob Baker",
    )


def booked(standin: Standin, reference: str) -> list[dict[str, Any]]:
    rows = standin.whole_book()["connect_transfers"]
    return [row for row in rows if row["transfer_group"] == reference]


def pay_by_stripe(creator: User, account: str) -> Payout:
    factories.make_payable(creator)
    destinations.set_destination(
        destination_id=ledger.new_operation_id(),
        creator=creator,
        holder_name=creator.display_name,
        account=account,
        currency="EUR",
        rail="stripe",
        at=timezone.now(),
    )
    give_diamonds(creator, 4_000_000)
    now = timezone.now()
    run = settlements.start_settlement(
        period_key=str(ledger.new_operation_id()), cutoff_at=now, at=now
    )
    settlements.continue_settlement(run_id=run.pk, at=now)
    return Payout.objects.get(creator=creator)


# --- What every rail promises -------------------------------------------------------------------


def test_it_takes_an_instruction_and_finds_it_by_reference(standin: Standin, account: str) -> None:
    instruction = instruct(account)

    taken = StripeConnect().submit(instruction)
    found = StripeConnect().lookup(reference=instruction.reference)

    assert (taken.reference, taken.amount_minor, taken.currency, taken.state) == (
        instruction.reference,
        1234,
        "EUR",
        base.State.PAID,
    )
    assert found == taken


def test_it_takes_a_reference_once(standin: Standin, account: str) -> None:
    instruction = instruct(account)

    first, again = (StripeConnect().submit(instruction) for _ in range(2))

    assert first.rail_ref == again.rail_ref
    assert len(booked(standin, instruction.reference)) == 1


def test_it_knows_nothing_of_what_it_never_got(standin: Standin) -> None:
    assert StripeConnect().lookup(reference=str(ledger.new_operation_id())) is None


def test_it_lists_what_it_has_taken_oldest_first_and_page_by_page(
    standin: Standin, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe_calls, "PAGE", 2)
    since = datetime.now(UTC) - timedelta(seconds=5)
    sent = [StripeConnect().submit(instruct(account)).reference for _ in range(5)]

    listed = [row.reference for row in StripeConnect().list_since(since=since)]

    assert [reference for reference in listed if reference in sent] == sent


def test_a_transfer_taken_back_is_returned_and_one_in_part_differs(
    standin: Standin, account: str
) -> None:
    whole, part = instruct(account), instruct(account)
    for instruction, amount in ((whole, 1234), (part, 234)):
        made = StripeConnect().submit(instruction)
        standin.client().v1.transfers.reversals.create(made.rail_ref, {"amount": amount})

    found = [StripeConnect().lookup(reference=one.reference) for one in (whole, part)]

    assert [(row.state, row.amount_minor) for row in found if row] == [
        (base.State.RETURNED, 1234),
        (base.State.PAID, 1000),
    ]


# --- What goes wrong ----------------------------------------------------------------------------


def test_an_account_that_is_none_is_declined(standin: Standin) -> None:
    with pytest.raises(base.Declined, match="No such destination") as declined:
        StripeConnect().submit(instruct("acct_nobody"))

    assert declined.value.is_about_account


def test_an_account_that_stripe_has_closed_is_declined(standin: Standin, account: str) -> None:
    standin.change_account(account, disabled_reason="rejected.fraud")

    with pytest.raises(base.Declined, match="capabilities") as declined:
        StripeConnect().submit(instruct(account))

    assert declined.value.is_about_account


def test_an_empty_balance_of_ours_is_no_fault_of_the_creators_and_passes(
    standin: Standin, account: str
) -> None:
    instruction = instruct(account)
    standin.transfers(broke=True)

    with pytest.raises(base.Unavailable, match="insufficient"):
        StripeConnect().submit(instruction)
    standin.transfers()
    taken = StripeConnect().submit(instruction)  # the refusal is kept under the first key

    assert [row["id"] for row in booked(standin, instruction.reference)] == [taken.rail_ref]


@pytest.mark.parametrize(
    ("fault", "refusal", "left"),
    [
        ("timeout_before", base.Unknown, 0),
        ("timeout_after", base.Unknown, 1),
        ("error_500", base.Unknown, 0),
        ("error_500_kept", base.Unknown, 0),
        ("too_many", base.Unavailable, 0),
    ],
)
def test_every_fault_is_one_of_the_three(
    standin: Standin, account: str, fault: str, refusal: type[Exception], left: int
) -> None:
    instruction = instruct(account)
    standin.faults(**{fault: 1000})

    with pytest.raises(refusal):
        StripeConnect().submit(instruction)
    standin.faults()

    assert len(booked(standin, instruction.reference)) == left
    StripeConnect().submit(instruction)
    assert len(booked(standin, instruction.reference)) == 1


def test_an_error_kept_under_a_key_is_passed_by_with_the_next(
    standin: Standin, account: str
) -> None:
    instruction = instruct(account)
    standin.faults(error_500_kept=1000)
    for _ in range(3):
        with pytest.raises(base.Unknown):
            StripeConnect().submit(instruction)
    standin.faults()

    taken = StripeConnect().submit(instruction)

    assert [row["id"] for row in booked(standin, instruction.reference)] == [taken.rail_ref]


def test_a_wrong_key_has_no_effect(standin: Standin, account: str, settings: LazySettings) -> None:
    settings.STRIPE_API_KEY = "sk_test_wrong"

    with pytest.raises(base.Unavailable):
        StripeConnect().submit(instruct(account))
    with pytest.raises(base.Unavailable):
        StripeConnect().lookup(reference="x")


def test_stripe_away_is_unknown_and_cannot_be_asked(settings: LazySettings) -> None:
    settings.STRIPE_API_KEY, settings.STRIPE_API_URL = "sk_test_x", "http://127.0.0.1:9"

    with pytest.raises(base.Unknown):
        StripeConnect().submit(instruct("acct_x"))


# --- A payout, from the settlement to its end ---------------------------------------------------


def test_a_payout_goes_to_the_creators_account_and_is_paid(
    standin: Standin, account: str, bob: User
) -> None:
    payout = advance(pay_by_stripe(bob, account))

    assert history(payout) == ["sending", "submitted", "paid"]
    assert books(bob) == Books(paid=1800)
    assert [row["amount"] for row in booked(standin, str(payout.pk))] == [1800]
    assert ledger.audit() == []


def test_a_lost_answer_is_looked_up_and_paid_once(
    standin: Standin, account: str, bob: User
) -> None:
    payout = pay_by_stripe(bob, account)
    standin.faults(timeout_after=1000)
    assert advance(payout).state == "unknown"
    standin.faults()

    assert advance(payout, after=timedelta(minutes=5)).state == "paid"

    assert books(bob) == Books(paid=1800)
    assert len(booked(standin, str(payout.pk))) == 1


def test_a_list_that_lags_and_a_forgotten_key_pay_once(forgetful: Standin, bob: User) -> None:
    forgetful.transfers(seed=7, lag_ms=2000)
    payout = pay_by_stripe(bob, open_account(forgetful))
    forgetful.faults(timeout_after=1000)
    assert advance(payout).state == "unknown"
    forgetful.faults()

    # Within the time in which a request may be on its way, nothing is sent again.
    submissions.advance_payout(payout_id=payout.pk, at=timezone.now() + timedelta(seconds=30))
    payout.refresh_from_db()
    assert (payout.state, payout.attempts) == ("unknown", 1)
    eventually(lambda: StripeConnect().lookup(reference=str(payout.pk)) is not None)
    payout = advance(payout, after=timedelta(minutes=5))

    assert (payout.state, len(booked(forgetful, str(payout.pk)))) == ("paid", 1)


def test_control_sending_again_before_the_list_shows_it_pays_twice(
    forgetful: Standin, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "RESEND_AFTER", timedelta())
    forgetful.transfers(seed=7, lag_ms=3_600_000)
    payout = pay_by_stripe(bob, open_account(forgetful))
    forgetful.faults(timeout_after=1000)
    advance(payout)
    forgetful.faults()
    time.sleep(0.3)  # the key is forgotten by then, and nothing says so

    advance(payout, after=timedelta(minutes=5))

    assert len(booked(forgetful, str(payout.pk))) == 2


@pytest.mark.usefixtures("db")
def test_a_storm_of_faults_pays_each_once(standin: Standin) -> None:
    creators = [factories.make_creator(f"creator{number}") for number in range(4)]
    payouts = [pay_by_stripe(creator, open_account(standin)) for creator in creators]
    standin.faults(
        seed=11, timeout_before=150, timeout_after=200, too_many=150, error_500=100,
        error_500_kept=100,
    )  # fmt: skip
    at = timezone.now()
    for _ in range(25):
        at += timedelta(seconds=90)
        submissions.sweep_payouts(at=at)
    standin.faults()
    for _ in range(3):
        at += timedelta(hours=2)
        submissions.sweep_payouts(at=at)

    for payout in payouts:
        payout.refresh_from_db()
    assert [payout.state for payout in payouts] == ["paid"] * 4
    assert [len(booked(standin, str(payout.pk))) for payout in payouts] == [1] * 4
    assert ledger.audit() == []


# --- Onboarding ---------------------------------------------------------------------------------


def begin(creator: User) -> stripe_accounts.Onboarding:
    return stripe_accounts.connect(
        creator=creator,
        holder_name="Bob Baker",
        return_url=BACK,
        refresh_url=BACK,
        at=timezone.now(),
    )


def test_an_account_that_is_complete_becomes_the_destination(standin: Standin, bob: User) -> None:
    onboarding = begin(bob)
    assert standin.onboard(onboarding.url) == BACK

    account = stripe_accounts.refresh(account_id=onboarding.account.pk, at=timezone.now())

    made = Destination.objects.get(creator=bob, replaced_at=None)
    assert (account.is_enabled, account.wanted_id) == (True, None)
    assert (made.rail, made.currency, made.last4) == ("stripe", "EUR", account.ref[-4:])
    assert destinations.account_of(made) == account.ref
    assert Notice.objects.filter(user=bob, subject_key=f"destination:{made.pk}").count() == 1


def test_an_account_that_lacks_something_changes_nothing_until_it_is_there(
    standin: Standin, bob: User
) -> None:
    old = set_account(bob)
    onboarding = begin(bob)
    standin.onboard(onboarding.url, answer="some")
    at = timezone.now()

    account = stripe_accounts.refresh(account_id=onboarding.account.pk, at=at)
    assert (account.is_submitted, account.is_enabled) == (True, False)
    assert destinations.in_use(creator_id=bob.pk) == old
    standin.change_account(account.ref)
    assert stripe_accounts.note_change(ref=account.ref, at=at + timedelta(seconds=5))
    assert stripe_accounts.sweep(at=at + timedelta(seconds=5)) == 1

    made = destinations.in_use(creator_id=bob.pk)
    assert made is not None
    assert (made.rail, made.usable_at - made.added_at) == ("stripe", timedelta(days=7))


def test_connecting_twice_is_one_account_at_stripe(standin: Standin, bob: User) -> None:
    first, again = begin(bob), begin(bob)

    assert first.account.ref == again.account.ref
    assert StripeAccount.objects.count() == 1


def test_a_lost_answer_leads_to_no_second_account(standin: Standin, bob: User) -> None:
    standin.faults(timeout_after=1000)
    with pytest.raises(stripe_accounts.StripeAway):
        begin(bob)
    standin.faults()
    row = StripeAccount.objects.get()
    assert row.ref == ""

    account = begin(bob).account

    made = standin.client().v1.accounts.retrieve(account.ref)
    assert made.metadata is not None
    assert made.metadata["account"] == row.pk.hex


def test_an_account_that_stripe_closes_shuts_the_gate_until_it_is_open_again(
    standin: Standin, bob: User
) -> None:
    onboarding = begin(bob)
    standin.onboard(onboarding.url)
    at = timezone.now()
    account = stripe_accounts.refresh(account_id=onboarding.account.pk, at=at)

    standin.change_account(account.ref, due=["individual.verification.document"])
    stripe_accounts.refresh(account_id=account.pk, at=at + timedelta(seconds=1))
    closed = destinations.in_use(creator_id=bob.pk)
    assert closed is not None
    assert "Stripe wants to know more" in closed.blocked_why
    standin.change_account(account.ref)
    stripe_accounts.refresh(account_id=account.pk, at=at + timedelta(seconds=2))

    opened = destinations.in_use(creator_id=bob.pk)
    assert opened is not None
    assert (opened.pk, opened.blocked_why) == (closed.pk, "")


def test_stripe_is_not_offered_where_it_opens_no_accounts(standin: Standin, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(country="KE")

    with pytest.raises(destinations.RailNotOffered):
        begin(User.objects.get(pk=bob.pk))

    assert not StripeAccount.objects.exists()


# --- Doors --------------------------------------------------------------------------------------


def notice(account: str) -> bytes:
    return json.dumps(
        {
            "id": "evt_1", "type": "account.updated", "livemode": False, "account": account,
            "data": {"object": {"id": account}},
        }
    ).encode()  # fmt: skip


def signed(body: bytes, *, secret: str) -> str:
    """Sign as Stripe does: HMAC-SHA256 over the time, a dot and the body."""
    at = int(time.time())
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def ring(client: Client, body: bytes, *, secret: str = CONNECT_SECRET) -> int:
    headers = {"Stripe-Signature": signed(body, secret=secret)}
    return client.post(
        reverse("payouts:stripe_connect_hook"),
        body,
        content_type="application/json",
        headers=headers,
    ).status_code


def test_a_notice_makes_the_account_due_and_is_not_believed(
    client: Client, standin: Standin, bob: User
) -> None:
    row = begin(bob).account
    StripeAccount.objects.update(due_at=None)

    assert ring(client, notice(row.ref)) == 200
    assert ring(client, notice("acct_nobody")) == 200

    row.refresh_from_db()
    assert row.due_at is not None
    assert (row.is_enabled, Destination.objects.exists()) == (False, False)


@pytest.mark.parametrize("secret", ["whsec_wrong_wrong_wrong_wrong", "whsec_carat_tests"])
def test_a_forged_notice_is_refused(
    client: Client, standin: Standin, bob: User, secret: str
) -> None:
    row = begin(bob).account
    StripeAccount.objects.update(due_at=None)

    assert ring(client, notice(row.ref), secret=secret) == 400

    row.refresh_from_db()
    assert row.due_at is None


def test_without_a_secret_no_notice_is_believed(
    client: Client, settings: LazySettings, db: None
) -> None:
    settings.STRIPE_CONNECT_WEBHOOK_SECRET = ""

    assert ring(client, notice("acct_x"), secret="") == 400


def test_the_creator_goes_to_stripe_and_comes_back(
    client: Client, standin: Standin, bob: User
) -> None:
    sign_in_just_now(client, bob)
    assert "Go on at Stripe" in page(client, "destination")

    there = client.post(reverse("payouts:connect_stripe"), {"holder_name": "Bob Baker"})
    link = there.headers["Location"]
    shown = httpx.get(link)
    too_early = client.get(reverse("payouts:back_from_stripe"), follow=True)
    standin.onboard(link)
    back = client.get(reverse("payouts:back_from_stripe"), follow=True)

    assert link.startswith(f"{standin.url}/setup/e/")
    assert "Open an account to be paid" in shown.text
    assert "Stripe wants to know more" in too_early.content.decode()
    assert "Stripe can pay you" in back.content.decode()
    assert Destination.objects.get(creator=bob).rail == "stripe"


def test_stripe_away_is_said_in_words(client: Client, bob: User, settings: LazySettings) -> None:
    settings.PAYOUT_RAILS = ["stripe"]
    settings.STRIPE_API_KEY, settings.STRIPE_API_URL = "sk_test_x", "http://127.0.0.1:9"
    sign_in_just_now(client, bob)

    answer = client.post(
        reverse("payouts:connect_stripe"), {"holder_name": "Bob"}, follow=True
    ).content.decode()

    assert "Stripe does not answer just now" in answer
    assert not Destination.objects.exists()
