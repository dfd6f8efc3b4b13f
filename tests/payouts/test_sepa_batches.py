"""Payouts by SEPA: gathered into a file that is frozen, let go by people, answered by the bank."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import IntegrityError, ProgrammingError, connections, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from schwifty import IBAN

from accounts import reviewing
from accounts.models import Notice, Review, ReviewReason, StateChange, User
from payouts import bank_files, sepa_batches, services, settlements, submissions
from payouts.models import BankFile, BankFileLine, Payout, SepaBatch, SepaEntry
from payouts.rails import sepa
from tests import factories
from tests.accounts.test_roles import make_role
from tests.database import owner
from tests.payouts.books import Books, account_of_their_own, books, give_diamonds
from tests.payouts.test_destinations import set_sepa
from tests.payouts.test_sepa_files import status
from tests.standin import Standin, eventually, running_standin
from wallet import ledger


@pytest.fixture(scope="module")
def standin_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running_standin(tmp_path_factory.mktemp("standin")) as running:
        yield running


@pytest.fixture(autouse=True)
def debtor(settings: LazySettings) -> None:
    settings.PAYOUT_RAILS = ["bank", "sepa"]
    settings.SEPA_DEBTOR_NAME = "Carat Payments"
    settings.SEPA_DEBTOR_IBAN = "DE89370400440532013000"
    settings.SEPA_DEBTOR_BIC = "COBADEFFXXX"


def reserve(creator: User, *, account: str = "", amount_minor: int = 1800) -> Payout:
    """A payout by SEPA that waits for a file."""
    set_sepa(creator, account=account or account_of_their_own(creator))
    with transaction.atomic():
        give_diamonds(creator, amount_minor * 1_000_000 // 450 + 1000)
    now = timezone.now()
    run = settlements.start_settlement(
        period_key=str(ledger.new_operation_id()), cutoff_at=now, at=now
    )
    settlements.continue_settlement(run_id=run.pk, at=now)
    return Payout.objects.get(creator=creator)


def close(by: User | None = None) -> SepaBatch:
    return sepa_batches.close_batch(batch_id=ledger.new_operation_id(), by=by, at=timezone.now())


def hand_over(batch: SepaBatch, by: User) -> SepaBatch:
    return sepa_batches.export_batch(batch_id=batch.pk, by=by, at=timezone.now())


def read(content: bytes) -> BankFile:
    return bank_files.read_bank_file(content=content, name="bank.xml", at=timezone.now())


def said(
    payout: Payout, tx_status: str, *, amount: str = "", reason: str = "", batch: str = ""
) -> bytes:
    why = f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>" if reason else ""
    sum_ = f'<OrgnlTxRef><Amt><InstdAmt Ccy="EUR">{amount}</InstdAmt></Amt></OrgnlTxRef>'
    line = (
        f"<TxInfAndSts><OrgnlEndToEndId>{payout.pk.hex}</OrgnlEndToEndId><TxSts>{tx_status}</TxSts>"
        f"{why}{sum_ if amount else ''}</TxInfAndSts>"
    )
    ref = batch or SepaEntry.objects.filter(payout=payout).latest("pk").batch.message_id
    return status(lines=line).replace(b"<OrgnlMsgId>M1", f"<OrgnlMsgId>{ref}".encode())


def returned(payout: Payout, *, amount: str = "18.00", reason: str = "AC06") -> bytes:
    return f"""<?xml version="1.0"?>
    <Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08">
    <BkToCstmrDbtCdtNtfctn><GrpHdr><MsgId>R1</MsgId></GrpHdr><Ntfctn><Ntry>
    <Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><NtryDtls><TxDtls>
    <Refs><EndToEndId>{payout.pk.hex}</EndToEndId></Refs>
    <RtrInf><Rsn><Cd>{reason}</Cd></Rsn></RtrInf></TxDtls></NtryDtls></Ntry>
    <Ntry><Amt Ccy="EUR">5.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><NtryDtls><TxDtls>
    <Refs><EndToEndId>somebody paid us</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>
    </Ntfctn></BkToCstmrDbtCdtNtfctn></Document>""".encode()


def outcomes(file: BankFile) -> list[str]:
    return list(file.lines.order_by("number").values_list("outcome", flat=True))


def state_of(payout: Payout) -> str:
    payout.refresh_from_db()
    return payout.state


# --- Closing ----------------------------------------------------------------------------------


def test_a_payout_by_sepa_waits_for_a_file_and_is_handed_to_no_rail(bob: User) -> None:
    payout = reserve(bob)

    assert submissions.sweep_payouts(at=timezone.now()) == 0
    assert not submissions.advance_payout(payout_id=payout.pk, at=timezone.now())

    assert state_of(payout) == "reserved"
    assert payout.due_at is None  # so that no clock is behind
    assert books(bob) == Books(in_payout=1800)


def test_it_can_be_cancelled_until_the_file_is_closed(bob: User) -> None:
    payout = reserve(bob)
    close()

    with pytest.raises(services.TooLate):
        services.cancel_payout(payout_id=payout.pk, by=bob, why="Later", at=timezone.now())

    assert state_of(payout) == "sending"
    assert books(bob) == Books(in_payout=1800)


def test_a_closed_file_asks_for_each_payout_once_with_their_sum(bob: User) -> None:
    carol = factories.make_creator("carol")
    mine, hers = reserve(bob), reserve(carol, amount_minor=2500)

    batch = close()
    count, total, lines = sepa.read_order(sepa_batches.file_of(batch))

    assert {line.end_to_end_id: line.amount_minor for line in lines} == {
        mine.pk.hex: mine.amount_minor,
        hers.pk.hex: hers.amount_minor,
    }
    assert (count, total) == (2, mine.amount_minor + hers.amount_minor)
    assert (batch.transactions, batch.control_sum_minor) == (2, total)
    assert (state_of(mine), state_of(hers)) == ("sending", "sending")
    with pytest.raises(sepa_batches.NothingToSend):
        close()


def test_the_same_batch_id_again_is_the_same_batch(bob: User) -> None:
    reserve(bob)
    batch_id = ledger.new_operation_id()

    first = sepa_batches.close_batch(batch_id=batch_id, at=timezone.now())
    again = sepa_batches.close_batch(batch_id=batch_id, at=timezone.now())

    assert first == again
    assert SepaEntry.objects.count() == 1


def test_the_clock_closes_whatever_waits(bob: User) -> None:
    reserve(bob)

    assert sepa_batches.close_all(at=timezone.now()) == 1
    assert sepa_batches.close_all(at=timezone.now()) == 0


def test_a_creator_under_review_is_in_no_file(bob: User) -> None:
    payout = reserve(bob)
    with transaction.atomic():
        reviewing.open_review(
            subject_id=bob.pk,
            reason=ReviewReason.GIFT_RING,
            subject_key="x",
            grounds=reviewing.Grounds(),
            restricts=Review.Restriction.PAYOUTS,
            at=timezone.now(),
        )

    with pytest.raises(sepa_batches.NothingToSend):
        close()

    assert state_of(payout) == "reserved"


def test_those_under_review_keep_nobody_else_from_a_file(
    bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = reserve(bob)
    free = reserve(factories.make_creator("carol"))
    with transaction.atomic():
        reviewing.open_review(
            subject_id=bob.pk,
            reason=ReviewReason.GIFT_RING,
            subject_key="x",
            grounds=reviewing.Grounds(),
            restricts=Review.Restriction.PAYOUTS,
            at=timezone.now(),
        )
    monkeypatch.setattr(sepa_batches, "BATCH_MAX", 1)  # the one that is held waits longest

    close()

    assert (state_of(held), state_of(free)) == ("reserved", "sending")


def test_a_file_that_does_not_say_what_the_books_say_is_not_made(
    bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    payout = reserve(bob)
    real = sepa.write
    monkeypatch.setattr(sepa, "write", lambda order: real(order).replace(b"18.00", b"18.01"))

    with pytest.raises(sepa_batches.FileDiffers):
        close()

    assert state_of(payout) == "reserved"
    assert not SepaBatch.objects.exists()


def test_two_who_close_at_once_put_each_payout_into_one_file(
    committed: str, settings: LazySettings
) -> None:
    creators = [factories.make_creator(f"creator{number}") for number in range(6)]
    payouts = [reserve(creator) for creator in creators]
    together = threading.Barrier(2)

    def close_it() -> None:
        together.wait()
        sepa_batches.close_all(at=timezone.now())
        connections.close_all()

    threads = [threading.Thread(target=close_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    in_files = list(SepaEntry.objects.order_by("payout_id").values_list("payout_id", flat=True))
    assert in_files == sorted(payout.pk for payout in payouts)


def test_the_file_asks_for_what_is_left_after_the_fee(bob: User, settings: LazySettings) -> None:
    settings.PAYOUT_FEES_USD_CENTS = {"sepa": 100}
    payout = reserve(bob)

    batch = close()

    assert (payout.amount_minor, payout.fee_minor) == (1800, 90)
    assert batch.control_sum_minor == 1710
    hand_over(batch, factories.make_staff("olga"))
    read(said(payout, "ACSC", amount="17.10"))
    assert state_of(payout) == "paid"
    assert ledger.audit() == []


# --- Frozen -----------------------------------------------------------------------------------


def test_a_thousand_exports_of_a_frozen_file_are_the_same_bytes(bob: User, olga: User) -> None:
    reserve(bob)
    batch = hand_over(close(), olga)
    first = sepa_batches.file_of(batch)

    again = {sepa_batches.file_of(SepaBatch.objects.get(pk=batch.pk)) for _ in range(1000)}

    assert again == {first}


@pytest.mark.parametrize(
    "change", [{"control_sum_minor": 1}, {"sha256": "0" * 64}, {"file_sealed": b"x"}]
)
def test_the_database_refuses_to_change_a_frozen_file(bob: User, change: dict[str, Any]) -> None:
    reserve(bob)
    batch = close()

    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        SepaBatch.objects.filter(pk=batch.pk).update(**change)
    with pytest.raises(ProgrammingError, match="Cannot delete"), transaction.atomic():
        batch.entries.all().delete()
    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        batch.entries.update(amount_minor=1)


def test_control_without_the_trigger_a_changed_file_is_still_refused(committed: str) -> None:
    bob, olga = factories.make_creator("bob"), factories.make_staff("olga")
    payout = reserve(bob)
    batch = close()
    with owner(committed) as session:
        session.execute("ALTER TABLE payouts_sepabatch DISABLE TRIGGER USER")
    SepaBatch.objects.filter(pk=batch.pk).update(sha256="0" * 64)

    with pytest.raises(sepa_batches.FileDiffers, match="Do not use it"):
        hand_over(batch, olga)

    assert state_of(payout) == "sending"


def test_the_file_is_sealed_at_rest(bob: User) -> None:
    reserve(bob)
    batch = close()
    iban = account_of_their_own(bob)

    assert iban.encode() in sepa_batches.file_of(batch)
    assert iban.encode() not in bytes(batch.file_sealed)


# --- People -----------------------------------------------------------------------------------


@pytest.fixture
def strict(settings: LazySettings) -> None:
    """Every file is a large one."""
    settings.PAYOUT_SECOND_PERSON_USD_CENTS = 5000


def test_a_small_file_is_let_go_by_one_person(bob: User, olga: User) -> None:
    payout = reserve(bob)

    batch = hand_over(close(), olga)

    assert (batch.state, batch.needs_two, batch.approved_by) == ("exported", False, olga)
    assert state_of(payout) == "submitted"
    assert payout.rail_ref == batch.message_id
    moves = StateChange.objects.filter(subject_id=str(payout.pk)).order_by("pk")
    assert [row.after for row in moves] == ["sending", "submitted"]


@pytest.mark.usefixtures("strict")
def test_a_large_file_needs_two_people(bob: User, olga: User) -> None:
    oscar = factories.make_staff("oscar")
    three = [reserve(creator, amount_minor=2000) for creator in some_creators(3)]
    batch = close()
    assert batch.needs_two

    with pytest.raises(sepa_batches.NeedsAnother):
        hand_over(batch, olga)
    sepa_batches.check_batch(batch_id=batch.pk, by=olga, at=timezone.now())
    with pytest.raises(sepa_batches.NeedsAnother):
        hand_over(batch, olga)
    assert [state_of(payout) for payout in three] == ["sending"] * 3
    hand_over(batch, oscar)

    assert [state_of(payout) for payout in three] == ["submitted"] * 3


def some_creators(count: int) -> list[User]:
    return [factories.make_creator(f"creator{number}") for number in range(count)]


@pytest.mark.usefixtures("strict")
def test_control_the_database_too_wants_two_people(bob: User, olga: User) -> None:
    for creator in some_creators(3):
        reserve(creator, amount_minor=2000)
    batch = close(by=olga)
    now = timezone.now()

    with pytest.raises(IntegrityError, match="sepa_batch_two_people"), transaction.atomic():
        SepaBatch.objects.filter(pk=batch.pk).update(
            state="exported", approved_by=olga, exported_at=now
        )


def test_nobody_lets_a_file_go_that_pays_them(bob: User, olga: User) -> None:
    payout = reserve(bob)
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    batch = close(by=bob)
    assert batch.checked_by is None

    for deed in (sepa_batches.check_batch, sepa_batches.export_batch):
        with pytest.raises(sepa_batches.NeedsAnother, match="You are paid by this file"):
            deed(batch_id=batch.pk, by=bob, at=timezone.now())

    assert state_of(payout) == "sending"


def test_a_file_that_never_left_is_dissolved_and_its_payouts_wait_for_the_next(
    bob: User, olga: User
) -> None:
    payout = reserve(bob)
    first = close()

    sepa_batches.dissolve_batch(batch_id=first.pk, by=olga, why="Too early", at=timezone.now())
    assert state_of(payout) == "reserved"
    second = close()

    assert state_of(payout) == "sending"
    assert [entry.state for entry in SepaEntry.objects.filter(payout=payout).order_by("pk")] == [
        "withdrawn",
        "sent",
    ]
    assert (first.pk != second.pk, books(bob)) == (True, Books(in_payout=1800))
    with pytest.raises(sepa_batches.BatchNotWaiting):
        hand_over(first, olga)


def test_a_file_that_left_is_never_dissolved(bob: User, olga: User) -> None:
    payout = reserve(bob)
    batch = hand_over(close(), olga)

    with pytest.raises(sepa_batches.BatchNotWaiting, match="handed to the bank"):
        sepa_batches.dissolve_batch(batch_id=batch.pk, by=olga, why="x", at=timezone.now())

    assert state_of(payout) == "submitted"


# --- What the bank writes back ------------------------------------------------------------------


@pytest.fixture
def sent(bob: User, olga: User) -> Payout:
    payout = reserve(bob)
    hand_over(close(), olga)
    return payout


@pytest.mark.parametrize(
    ("tx_status", "state", "left"),
    [
        ("ACCP", "submitted", Books(in_payout=1800)),
        ("PDNG", "submitted", Books(in_payout=1800)),
        ("ACSC", "paid", Books(paid=1800)),
        ("ACCC", "paid", Books(paid=1800)),
        ("RJCT", "failed", Books(payable=1800)),
    ],
)
def test_a_payout_goes_where_its_status_says(
    sent: Payout, bob: User, tx_status: str, state: str, left: Books
) -> None:
    read(said(sent, tx_status, amount="18.00", reason="AC04"))

    assert (state_of(sent), books(bob)) == (state, left)
    assert ledger.audit() == []


def test_a_rejected_payout_says_why_and_closes_the_account(sent: Payout, bob: User) -> None:
    read(said(sent, "RJCT", reason="AC04"))

    assert state_of(sent) == "failed"
    assert sent.failure == "The account is closed."
    assert sent.destination.blocked_why == "The account is closed."
    assert Notice.objects.filter(user=bob, title__contains="failed").count() == 1


def test_money_that_comes_back_is_the_creators_again_once(sent: Payout, bob: User) -> None:
    read(said(sent, "ACSC"))
    first = read(returned(sent))
    again = read(returned(sent).replace(b"R1", b"R2"))

    assert (state_of(sent), books(bob)) == ("returned", Books(payable=1800))
    assert (outcomes(first), outcomes(again)) == (["done"], ["said_before"])
    assert sent.failure == "The account is blocked."


def test_a_return_without_a_status_before_it_is_a_payment_and_its_return(
    sent: Payout, bob: User
) -> None:
    read(returned(sent))

    assert (state_of(sent), books(bob)) == ("returned", Books(payable=1800))
    assert ledger.audit() == []


def test_the_same_file_again_changes_nothing(sent: Payout, bob: User) -> None:
    content = said(sent, "RJCT", reason="AC04")

    first, again = read(content), read(content)

    assert first == again
    assert BankFile.objects.count() == 1
    assert (books(bob), Notice.objects.filter(title__contains="failed").count()) == (
        Books(payable=1800),
        1,
    )


def test_control_a_file_read_again_as_a_new_one_still_gives_back_once(
    sent: Payout, bob: User
) -> None:
    content = said(sent, "RJCT", reason="AC04")
    read(content)

    again = read(content.replace(b"<MsgId>S1", b"<MsgId>S2"))

    assert outcomes(again) == ["said_before"]
    assert books(bob) == Books(payable=1800)


def test_control_without_judging_lines_a_second_status_breaks_the_books(
    sent: Payout, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(said(sent, "RJCT", reason="AC04"))
    monkeypatch.setattr(bank_files, "_outcome", lambda *_a, **_n: BankFileLine.Outcome.DONE)

    with pytest.raises(Exception, match=r"cannot go from|refused"):
        read(said(sent, "RJCT", reason="AC04").replace(b"<MsgId>S1", b"<MsgId>S2"))


@pytest.mark.parametrize(("first", "then"), [("ACSC", "RJCT"), ("RJCT", "ACSC")])
def test_what_contradicts_moves_nothing_and_says_so(
    sent: Payout, bob: User, first: str, then: str
) -> None:
    read(said(sent, first, reason="AC04"))
    before = (state_of(sent), books(bob))

    file = read(said(sent, then, reason="AC04"))

    assert outcomes(file) == ["contradicts"]
    assert (state_of(sent), books(bob)) == before


def test_a_status_of_before_that_arrives_late_changes_nothing(sent: Payout, bob: User) -> None:
    read(said(sent, "ACSC"))

    late = read(said(sent, "ACCP"))

    assert (outcomes(late), state_of(sent)) == (["noted"], "paid")


@pytest.mark.parametrize("amount", ["18.01", "1800.00", "0.18"])
def test_another_amount_moves_nothing(sent: Payout, bob: User, amount: str) -> None:
    status_file = read(said(sent, "ACSC", amount=amount))
    return_file = read(returned(sent, amount=amount))

    assert outcomes(status_file) == outcomes(return_file) == ["wrong_amount"]
    assert (state_of(sent), books(bob)) == ("submitted", Books(in_payout=1800))


def test_transfers_that_are_not_ours_move_nothing(sent: Payout, bob: User) -> None:
    other = said(sent, "ACSC").replace(sent.pk.hex.encode(), b"NOT OURS")
    elsewhere = said(sent, "ACSC", batch="0" * 32)

    assert outcomes(read(other)) == outcomes(read(elsewhere)) == ["unknown"]
    assert books(bob) == Books(in_payout=1800)


def test_a_file_that_was_not_handed_over_cannot_be_answered(bob: User) -> None:
    payout = reserve(bob)
    close()

    file = read(said(payout, "ACSC"))

    assert (outcomes(file), state_of(payout)) == (["not_sent"], "sending")
    assert books(bob) == Books(in_payout=1800)


@pytest.mark.parametrize("group", ["RJCT", "ACSC"])
def test_a_whole_file_is_answered_at_once(bob: User, olga: User, group: str) -> None:
    carol = factories.make_creator("carol")
    payouts = [reserve(bob), reserve(carol)]
    batch = hand_over(close(), olga)
    content = status(group=f"<GrpSts>{group}</GrpSts>")

    file = read(content.replace(b"<OrgnlMsgId>M1", f"<OrgnlMsgId>{batch.message_id}".encode()))

    assert outcomes(file) == ["done", "done"]
    expected = "failed" if group == "RJCT" else "paid"
    assert [state_of(payout) for payout in payouts] == [expected, expected]
    batch.refresh_from_db()
    assert batch.state == "answered"


def test_lines_whose_reader_died_are_followed_by_the_sweep(
    sent: Payout, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as died:
        died.setattr(bank_files, "follow_lines", lambda **_named: 0)
        file = read(said(sent, "ACSC"))
    assert (outcomes(file), state_of(sent)) == (["waiting"], "submitted")

    assert bank_files.sweep(at=timezone.now()) == 1

    assert (outcomes(file), state_of(sent), books(bob)) == (["done"], "paid", Books(paid=1800))


def test_the_command_reads_files_and_says_what_needs_a_person(
    sent: Payout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.xml", tmp_path / "bad.xml"
    good.write_bytes(said(sent, "ACSC"))
    bad.write_bytes(b"<not xml")

    call_command("read_bank_file", good)
    with pytest.raises(SystemExit) as ended:
        call_command("read_bank_file", bad, good)

    assert ended.value.code == 1
    shown = capsys.readouterr().out
    assert f"{sent.pk.hex}: ACSC Done" in shown
    assert "is not XML" in shown
    assert "1 need a person." in shown


# --- Through the stand-in's bank ----------------------------------------------------------------


def at_the_bank(standin: Standin, method: str, path: str, content: bytes = b"") -> httpx.Response:
    return httpx.request(
        method,
        f"{standin.url}/bank/files{path}",
        content=content,
        headers={"Authorization": f"Bearer {standin.bank_key}"},
    )


def test_a_file_goes_to_the_bank_and_its_answers_come_back(
    olga: User, standin_program: Standin
) -> None:
    paid, failed, back = some_creators(3)
    payouts = [
        reserve(paid),
        reserve(failed, account=ending("0000")),
        reserve(back, account=ending("1111")),
    ]
    batch = hand_over(close(), olga)
    content = sepa_batches.file_of(batch)

    taken = [at_the_bank(standin_program, "POST", "", content) for _ in range(2)]
    eventually(
        lambda: at_the_bank(standin_program, "GET", f"/{batch.message_id}/camt.054").is_success
    )
    answers = [
        at_the_bank(standin_program, "GET", f"/{batch.message_id}/{kind}").content
        for kind in ("pain.002", "camt.054")
    ]
    files = [read(answer) for answer in (*answers, *answers)]

    assert [answer.status_code for answer in taken] == [201, 200]
    assert [state_of(payout) for payout in payouts] == ["paid", "failed", "returned"]
    assert books(paid) == Books(paid=1800)
    assert (books(failed).payable, books(back).payable) == (1800, 1800)
    assert outcomes(files[0]) == ["done", "done", "done"]
    assert len(set(files)) == 2
    batch.refresh_from_db()
    assert batch.state == "answered"
    assert ledger.audit() == []


def test_the_bank_refuses_a_file_with_other_bytes_or_wrong_sums(
    bob: User, olga: User, standin_program: Standin
) -> None:
    reserve(bob)
    content = sepa_batches.file_of(hand_over(close(), olga))

    wrong = at_the_bank(standin_program, "POST", "", content.replace(b"18.00", b"18.01", 1))
    taken = at_the_bank(standin_program, "POST", "", content)
    other = at_the_bank(standin_program, "POST", "", content.replace(b"payout", b"PAYOUT"))

    assert (wrong.status_code, taken.status_code, other.status_code) == (422, 201, 409)


def ending(last4: str) -> str:
    """A German IBAN with these last signs."""
    return str(IBAN.generate("DE", bank_code="12030000", account_code=f"000000{last4}"))


# --- The staff's door ---------------------------------------------------------------------------


@pytest.fixture
def as_olga(client: Client, olga: User) -> Client:
    client.force_login(olga)
    return client


def do(client: Client, name: str, batch: SepaBatch, **fields: Any) -> Any:
    url = reverse(f"admin:payouts_sepabatch_{name}", args=[batch.pk])
    assert client.get(url).status_code == 200
    return client.post(url, {"confirm": "1", **fields}, follow=True)


def test_staff_close_hand_over_get_the_file_and_read_the_answer(as_olga: Client, bob: User) -> None:
    payout = reserve(bob)
    add = reverse("admin:payouts_sepabatch_add")
    batch_id = ledger.new_operation_id()
    preview = as_olga.post(add, {"batch_id": batch_id}).content.decode()
    as_olga.post(add, {"batch_id": batch_id, "confirm": "1"})
    batch = SepaBatch.objects.get()
    file_url = reverse("admin:payouts_sepabatch_file", args=[batch.pk])

    too_early = as_olga.get(file_url, follow=True).content.decode()
    do(as_olga, "export", batch)
    got = [as_olga.get(file_url) for _ in range(3)]
    upload = io_file("status.xml", said(payout, "ACSC"))
    answer = as_olga.post(reverse("admin:payouts_bankfile_add"), {"file": upload}, follow=True)

    assert "€18.00" in preview
    assert "has not been let go" in too_early
    batch.refresh_from_db()
    assert {response.content for response in got} == {sepa_batches.file_of(batch)}
    assert "1 lines read" in answer.content.decode()
    assert state_of(payout) == "paid"
    changes = as_olga.get(reverse("admin:payouts_sepabatch_history", args=[batch.pk]))
    assert changes.content.decode().count("Got the file, SHA-256") == 3


def io_file(name: str, content: bytes) -> Any:
    return SimpleUploadedFile(name, content, content_type="application/xml")


def test_an_upload_that_is_no_bank_file_is_refused_in_words(as_olga: Client) -> None:
    answer = as_olga.post(
        reverse("admin:payouts_bankfile_add"), {"file": io_file("x.xml", b"<nothing")}
    )

    assert "is not XML" in answer.content.decode()
    assert not BankFile.objects.exists()


def test_no_page_of_the_office_shows_an_account_number(as_olga: Client, bob: User) -> None:
    payout = reserve(bob)
    batch = hand_over(close(), factories.make_staff("oscar"))
    file = read(said(payout, "ACSC"))
    iban = account_of_their_own(bob)

    pages = [
        reverse("admin:payouts_sepabatch_changelist"),
        reverse("admin:payouts_sepabatch_change", args=[batch.pk]),
        reverse("admin:payouts_sepaentry_changelist"),
        reverse("admin:payouts_bankfile_changelist"),
        reverse("admin:payouts_bankfile_change", args=[file.pk]),
        reverse("admin:payouts_bankfileline_changelist"),
    ]

    for url in pages:
        response = as_olga.get(url)
        assert response.status_code == 200, url
        assert iban not in response.content.decode()


@pytest.mark.parametrize("name", ["check", "export", "dissolve", "file"])
def test_who_may_not_hand_files_over_gets_none(client: Client, bob: User, name: str) -> None:
    reserve(bob)
    batch = close()
    client.force_login(make_role("aud", "auditor"))

    url = reverse(f"admin:payouts_sepabatch_{name}", args=[batch.pk])

    assert (client.get(url).status_code, client.post(url, {"confirm": "1"}).status_code) == (
        403,
        403,
    )
    batch.refresh_from_db()
    assert batch.state == "closed"


def test_a_held_clock_does_not_move_a_closed_file(bob: User) -> None:
    payout = reserve(bob)
    close()

    submissions.sweep_payouts(at=timezone.now() + timedelta(days=3))

    assert state_of(payout) == "sending"
