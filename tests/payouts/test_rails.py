"""What every rail promises, asked of every rail: the one in memory and the bank over HTTP."""

import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import LazySettings
from django.utils import timezone

from accounts.models import User
from payouts import settlements, submissions
from payouts.models import Payout
from payouts.rails import base
from payouts.rails.bank import Bank
from tests.payouts.books import Books, books, give_diamonds, set_account
from tests.payouts.memory_rail import MemoryRail
from tests.standin import Standin, eventually, running_standin
from wallet import ledger


@pytest.fixture(scope="module")
def standin_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running_standin(tmp_path_factory.mktemp("standin")) as running:
        yield running


@pytest.fixture
def bank(standin_program: Standin, settings: LazySettings) -> Standin:
    """The stand-in's bank, with Carat pointed at it."""
    settings.STANDIN_BANK_URL = f"{standin_program.url}/bank"
    settings.STANDIN_BANK_KEY = standin_program.bank_key
    return standin_program


@pytest.fixture(params=["memory", "bank"])
def any_rail(request: pytest.FixtureRequest) -> base.Rail:
    if request.param == "memory":
        return MemoryRail()
    request.getfixturevalue("bank")
    return Bank()


def instruct(
    account: str = "1234567890", *, reference: str | None = None, amount_minor: int = 1234
) -> base.Instruction:
    return base.Instruction(
        reference=reference or str(ledger.new_operation_id()),
        amount_minor=amount_minor,
        currency="EUR",
        account=account,
        holder_name="Bob Baker",
    )


def test_a_rail_takes_an_instruction_and_finds_it_by_reference(any_rail: base.Rail) -> None:
    instruction = instruct()

    taken = any_rail.submit(instruction)
    found = any_rail.lookup(reference=instruction.reference)

    assert (taken.reference, taken.amount_minor, taken.currency) == (
        instruction.reference,
        1234,
        "EUR",
    )
    assert found is not None
    assert found.rail_ref == taken.rail_ref


def test_a_rail_takes_a_reference_once(any_rail: base.Rail) -> None:
    instruction = instruct()

    first, again = any_rail.submit(instruction), any_rail.submit(instruction)

    assert first.rail_ref == again.rail_ref


def test_a_rail_knows_nothing_of_what_it_never_got(any_rail: base.Rail) -> None:
    assert any_rail.lookup(reference=str(ledger.new_operation_id())) is None


def test_a_rail_lists_what_it_has_taken(any_rail: base.Rail) -> None:
    since = datetime.now(UTC) - timedelta(seconds=5)
    sent = [any_rail.submit(instruct()).reference for _ in range(3)]

    listed = [transfer.reference for transfer in any_rail.list_since(since=since)]

    assert [reference for reference in listed if reference in sent] == sent


@pytest.mark.usefixtures("bank")
def test_the_bank_declines_an_account_that_cannot_be_one() -> None:
    with pytest.raises(base.Declined, match="account must be") as declined:
        Bank().submit(instruct("no!"))

    assert declined.value.is_about_account


@pytest.mark.usefixtures("bank")
def test_a_closed_account_fails_at_once_with_its_reason() -> None:
    taken = Bank().submit(instruct("9900000000"))

    assert (taken.state, taken.reason_words) == (base.State.FAILED, "The account is closed.")
    assert taken.is_about_account


@pytest.mark.usefixtures("bank")
def test_a_cut_line_is_unknown_and_the_transfer_is_found() -> None:
    instruction = instruct("9900002222")

    with pytest.raises(base.Unknown):
        Bank().submit(instruction)

    assert Bank().lookup(reference=instruction.reference) is not None


@pytest.mark.usefixtures("bank")
def test_an_error_of_the_bank_is_unknown_and_nothing_is_found() -> None:
    instruction = instruct("9900004444")

    with pytest.raises(base.Unknown):
        Bank().submit(instruction)

    assert Bank().lookup(reference=instruction.reference) is None


@pytest.mark.usefixtures("bank")
def test_a_reference_used_for_another_amount_is_unknown_and_left_to_people() -> None:
    instruction = instruct()
    Bank().submit(instruction)

    with pytest.raises(base.Unknown, match="names another transfer"):
        Bank().submit(instruct(reference=instruction.reference, amount_minor=1))


@pytest.mark.usefixtures("bank")
def test_a_wrong_key_has_no_effect(settings: LazySettings) -> None:
    key, settings.STANDIN_BANK_KEY = settings.STANDIN_BANK_KEY, "wrong"
    instruction = instruct()

    with pytest.raises(base.Unavailable):
        Bank().submit(instruction)
    with pytest.raises(base.Unavailable):
        Bank().lookup(reference=instruction.reference)

    settings.STANDIN_BANK_KEY = key
    assert Bank().lookup(reference=instruction.reference) is None


@pytest.mark.parametrize("address", ["", "http://[", "ftp://bank.example"])
def test_no_bank_or_a_wrong_address_has_no_effect(settings: LazySettings, address: str) -> None:
    settings.STANDIN_BANK_URL = address

    with pytest.raises(base.Unavailable):
        Bank().submit(instruct())
    with pytest.raises(base.Unavailable):
        Bank().lookup(reference="x")


def test_a_missing_key_has_no_effect(bank: Standin, settings: LazySettings) -> None:
    settings.STANDIN_BANK_KEY = ""

    with pytest.raises(base.Unavailable):
        Bank().submit(instruct())


def test_a_bank_that_is_down_has_no_effect(settings: LazySettings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings.STANDIN_BANK_URL = f"http://127.0.0.1:{taken.getsockname()[1]}"

        with pytest.raises(base.Unavailable):
            Bank().submit(instruct())


class _Answering(http.server.BaseHTTPRequestHandler):
    """Answers every call as the test says."""

    status, body = 200, b""
    pages: ClassVar[dict[str, bytes]] = {}

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def do_GET(self) -> None:
        after = parse_qs(urlsplit(self.path).query).get("after", [""])[0]
        body = self.pages.get(after, self.body)
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def answers(settings: LazySettings) -> Iterator[Callable[[int, bytes], None]]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Answering)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    settings.STANDIN_BANK_URL = f"http://127.0.0.1:{server.server_port}"
    settings.STANDIN_BANK_KEY = "any"

    def answer(status: int, body: bytes) -> None:
        _Answering.status, _Answering.body = status, body

    yield answer
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, b"<html>", base.Unknown),
        (200, b"[]", base.Unknown),
        (201, b'{"id": "x"}', base.Unknown),
        (
            201,
            (
                b'{"id": "x", "reference": "other", "amount_minor": 1234, "currency": "EUR",'
                b' "state": "accepted", "reason": null}'
            ),
            base.Unknown,
        ),
        (302, b"", base.Unknown),
        (400, b"no json", base.Declined),
        (422, b'{"error": {"message": "no", "field": "amount_minor"}}', base.Declined),
        (401, b"", base.Unavailable),
        (403, b"", base.Unavailable),
        (429, b'{"error": "slow down"}', base.Unavailable),
        (404, b"", base.Unknown),
        (408, b"", base.Unknown),
        (409, b"", base.Unknown),
        (500, b"", base.Unknown),
        (502, b"<html>", base.Unknown),
        (503, b"", base.Unknown),
    ],
)
def test_every_answer_is_one_of_the_three(
    answers: Callable[[int, bytes], None], status: int, body: bytes, verdict: type[Exception]
) -> None:
    answers(status, body)

    with pytest.raises(verdict):
        Bank().submit(instruct())


def test_the_list_goes_on_after_the_last_of_each_page(
    answers: Callable[[int, bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def row(number: int) -> dict[str, object]:
        return {
            "id": f"bt_{number}",
            "reference": f"r{number}",
            "amount_minor": number,
            "currency": "EUR",
            "state": "paid",
            "reason": None,
        }

    first = {"transfers": [row(1), row(2)], "has_more": True}
    second = {"transfers": [row(3)], "has_more": False}
    pages = {"": json.dumps(first).encode(), "bt_2": json.dumps(second).encode()}
    monkeypatch.setattr(_Answering, "pages", pages)
    answers(200, b"")

    listed = Bank().list_since(since=datetime.now(UTC))

    assert [transfer.reference for transfer in listed] == ["r1", "r2", "r3"]


@pytest.mark.parametrize(
    ("status", "body"), [(500, b""), (200, b"<html>"), (200, b'{"transfers": [{}]}')]
)
def test_a_look_up_that_cannot_be_read_is_never_not_found(
    answers: Callable[[int, bytes], None], status: int, body: bytes
) -> None:
    answers(status, body)

    with pytest.raises(base.Unavailable):
        Bank().lookup(reference="x")


def pay_out_to(creator: User, account: str) -> Payout:
    set_account(creator, account=account)
    give_diamonds(creator, 4_000_000)
    now = timezone.now()
    run = settlements.start_settlement(period_key="2026-W47", cutoff_at=now, at=now)
    settlements.continue_settlement(run_id=run.pk, at=now)
    return Payout.objects.get(creator=creator)


@pytest.mark.parametrize(
    ("account", "state", "left"),
    [
        ("9900005555", "paid", Books(paid=1800)),
        ("9900000000", "failed", Books(payable=1800)),
        ("9900001111", "returned", Books(payable=1800)),
        ("9900002222", "paid", Books(paid=1800)),
        ("9900004444", "paid", Books(paid=1800)),
    ],
)
def test_a_payout_through_the_real_bank_ends_as_the_account_says(
    bob: User, bank: Standin, account: str, state: str, left: Books
) -> None:
    payout = pay_out_to(bob, account)

    def swept() -> bool:
        """Look every time as if the next look's hour had come."""
        due = payout.due_at or timezone.now()
        submissions.sweep_payouts(at=due + submissions.RESEND_AFTER)
        payout.refresh_from_db()
        return payout.state == state

    eventually(swept)

    assert payout.state == state
    assert books(bob) == left
    sent = [
        row
        for row in bank.whole_book()["transfers"]
        if row["reference"] == str(payout.pk) and row["state"] != "failed"
    ]
    assert [row["amount_minor"] for row in sent] == ([] if state == "failed" else [1800])
    assert ledger.audit() == []
