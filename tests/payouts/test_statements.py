"""Monthly statements: every column adds up, each is made once, none ever changes."""

import csv
import hashlib
import io
import secrets
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import Error, connection, connections, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Notice, User
from payouts import closing, settlements, sheets
from payouts.models import Payout, Statement, StatementFile, StatementMonth, StatementSeries
from payouts.rails import base
from tests import factories
from tests.database import owner
from tests.payouts.books import give_diamonds, set_account
from tests.payouts.earned import buy, close_period, give, lose, mature, settle_all
from tests.payouts.memory_rail import MemoryRail
from tests.payouts.test_payouts import advance
from wallet import ledger
from wallet import services as upkeep

NEXT_MONTH = (datetime.now(UTC).replace(day=1) + timedelta(days=40)).replace(day=2)
THIS = datetime.now(UTC).date().replace(day=1)


@pytest.fixture
def cast(committed: str) -> dict[str, User]:
    return {
        "alice": factories.make_user("alice"),
        "bob": factories.make_creator("bob"),
        "dora": factories.make_creator("dora"),
    }


def seal() -> None:
    close_period()
    while upkeep.seal_periods():
        pass


def a_month_ago(name: str) -> None:
    """Let all that happened so far have happened a month before."""
    before = (THIS - timedelta(days=1)).replace(day=15)
    with owner(name) as session:
        session.execute("SET session_replication_role = replica")
        for column, table in (
            ("recorded_at", "operation"),
            ("opened_at", "account"),
            ("opened_at", "period"),
            ("closed_at", "period"),
        ):
            session.execute(
                f"UPDATE ledger.{table} SET {column} = %s"
                f" WHERE {column} IS NOT NULL AND {column} >= %s",
                [before, THIS],
            )


def close_all(at: datetime = NEXT_MONTH) -> None:
    """Mark the end of the month, seal what lies before the mark, make the statements."""
    closing.open_months(at=at)
    seal()
    closing.close_months(at=at)
    closing.close_months(at=at)


def of(creator: User, month: Any = None) -> Statement:
    return Statement.objects.select_related("month", "creator").get(
        creator=creator, month=month or THIS
    )


def table(statement: Statement) -> dict[str, list[int]]:
    return {row[0]: row[1:] for row in statement.facts["diamonds"]}


def adds_up(rows: list[list[Any]]) -> bool:
    *moved, closes = [row[1:] for row in rows]
    return [sum(column) for column in zip(*moved, strict=True)] == closes


def balances(creator: User) -> list[int]:
    """Pending, available, held and owed (below nought), as the books have them now."""
    found = []
    for code in sheets.DIAMOND_PLACES:
        total = 0
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM ledger.account WHERE owner_id = %s AND code = %s",
                [creator.pk, code],
            )
            for (account,) in cursor.fetchall():
                debits, credits_ = ledger.turnover(account)
                total += credits_ - debits
        found.append(total)
    return found


def busy_month(cast: dict[str, User]) -> None:
    """Everything that can happen to diamonds: earned, matured, settled, lost, owed, repaid."""
    alice, bob = cast["alice"], cast["bob"]
    lost = buy(alice, 100)
    give(alice, bob, 60)
    mature()
    settle_all(bob)
    give(alice, bob, 40, quantity=4)
    lose(lost, 80)  # 40 pending, 40 that were settled: a debt
    buy(alice, 100)
    give(alice, bob, 30)
    mature()  # 15 of it repay
    give(alice, bob, 7)


def test_each_column_of_a_statement_adds_up_to_what_the_books_hold(cast: dict[str, User]) -> None:
    busy_month(cast)
    close_all()

    made = of(cast["bob"])
    assert table(made) == {
        "Opening": [0, 0, 0, 0, 0],
        "Gifts received": [137_000, 137_000, 0, 0, 0],
        "Matured": [0, -75_000, 75_000, 0, 0],
        "Debt repaid from what matured": [0, -15_000, 0, 0, 15_000],
        "Held while a bank decides": [0, -40_000, 0, 40_000, 0],
        "Taken back: the bank decided against the payment": [-80_000, 0, 0, -40_000, -40_000],
        "Settled into money": [-60_000, 0, -60_000, 0, 0],
        "Closing": [-3_000, 7_000, 15_000, 0, -25_000],
    }
    assert adds_up(made.facts["diamonds"])
    assert table(made)["Closing"][1:] == balances(cast["bob"])
    assert [part["currency"] for part in made.facts["money"]] == ["USD"]
    assert adds_up(made.facts["money"][0]["rows"])
    assert made.facts["money"][0]["rows"][-1] == ["Closing", 30, 30, 0]  # 60 at half a cent
    days = made.facts["days"]
    assert [sum(day[column] for day in days) for column in (1, 2, 3)] == [7, 137_000, 80_000]
    assert [line["diamonds"] for line in made.facts["settled"]] == [60_000]
    assert made.facts["account"] == str(cast["bob"].pk)


def test_payouts_and_their_steps_stand_in_the_money_of_their_currency(
    cast: dict[str, User], rail: MemoryRail
) -> None:
    bob = cast["bob"]
    set_account(bob)
    with transaction.atomic():
        give_diamonds(bob, 4_000_000)
    now = timezone.now()
    run = settlements.start_settlement(period_key="one", cutoff_at=now, at=now)
    settlements.continue_settlement(run_id=run.pk, at=now)
    payout = advance(Payout.objects.get(creator=bob))
    rail.move(str(payout.pk), base.State.PAID)
    advance(payout)
    close_all()

    made = of(bob)
    assert table(made)["Corrected by staff"] == [4_000_000, 0, 4_000_000, 0, 0]
    assert made.facts["money"] == [
        {
            "currency": "EUR",
            "rows": [
                ["Opening", 0, 0, 0],
                ["Settled from diamonds", 1800, 1800, 0],
                ["Set aside for payouts", 0, -1800, 1800],
                ["Paid out", -1800, 0, -1800],
                ["Closing", 0, 0, 0],
            ],
        }
    ]
    assert [step[1:] for step in made.facts["payouts"]] == [
        ["Set aside", str(payout.pk), "EUR", 1800],
        ["Paid", str(payout.pk), "EUR", 1800],
    ]
    (line,) = made.facts["settled"]
    assert (line["card"], line["diamond_usd"], line["fx_per_usd"]) == ("v1", "0.005", "0.9")
    assert sheets.digest(closing.from_ledger(made)) == made.digest


def test_a_months_opening_is_the_closing_before_and_what_is_put_right_stands_later(
    cast: dict[str, User], committed: str
) -> None:
    alice, bob = cast["alice"], cast["bob"]
    lost = buy(alice, 100)
    give(alice, bob, 60)
    seal()
    a_month_ago(committed)
    close_all(at=datetime.now(UTC))
    first = of(bob, (THIS - timedelta(days=1)).replace(day=1))
    before = (first.digest, first.facts)
    assert table(first)["Closing"] == [60_000, 60_000, 0, 0, 0]

    lose(lost, 100)
    close_all()

    second = of(bob)
    assert table(second)["Opening"] == [60_000, 60_000, 0, 0, 0]
    assert table(second)["Taken back: the bank decided against the payment"][0] == -60_000
    assert table(second)["Closing"] == [0, 0, 0, 0, 0]
    assert second.facts["days"][0][1:] == [0, 0, 60_000]
    first.refresh_from_db()
    assert (first.digest, first.facts) == before
    for one in (first, second):  # without the closing before, from the first transfer on
        assert sheets.digest(closing.from_ledger(one)) == one.digest


def test_a_month_waits_until_all_that_was_recorded_in_it_is_sealed(cast: dict[str, User]) -> None:
    buy(cast["alice"], 100)
    give(cast["alice"], cast["bob"], 10)
    seal()
    give(cast["alice"], cast["bob"], 20)  # in the month, and in the open period
    closing.close_months(at=NEXT_MONTH)
    assert Statement.objects.count() == 0
    assert StatementMonth.objects.get().state == StatementMonth.State.WAITING

    close_all()

    assert table(of(cast["bob"]))["Gifts received"][0] == 30_000
    month = StatementMonth.objects.get()
    assert month.state == StatementMonth.State.DONE
    assert month.last_seal == of(cast["bob"]).facts["periods"]["seal"]


def test_the_current_month_has_no_statement(cast: dict[str, User]) -> None:
    buy(cast["alice"], 100)
    give(cast["alice"], cast["bob"], 10)
    seal()
    closing.close_months(at=datetime.now(UTC))

    assert (StatementMonth.objects.count(), Statement.objects.count()) == (0, 0)


def test_any_number_of_workers_make_each_statement_once_and_numbers_have_no_gap(
    cast: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = cast["alice"]
    creators = [factories.make_creator(f"c{number}") for number in range(12)]
    buy(alice, 1_000)
    for creator in creators:
        give(alice, creator, 10)
    with transaction.atomic():  # an account, and nothing on it: no statement
        ledger.adjust_diamonds(
            operation_id=ledger.new_operation_id(), owner_id=cast["dora"].pk,
            card_id=1, diamonds_milli=-5, proposer_id=1, approver_id=2, memo={},
        )  # fmt: skip
    closing.open_months(at=NEXT_MONTH)
    seal()
    monkeypatch.setattr(closing, "CHUNK", 2)
    workers = [threading.Thread(target=_close_elsewhere) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    closing.close_months(at=NEXT_MONTH)

    rows = Statement.objects.order_by("number")
    assert [row.number for row in rows] == list(range(1, 13))
    assert {row.creator_id for row in rows} == {creator.pk for creator in creators}
    assert StatementSeries.objects.get().last_number == 12
    assert Notice.objects.filter(subject_key=f"statement:{THIS:%Y-%m}").count() == 12
    assert len({row.code for row in rows}) == 12


def _close_elsewhere() -> None:
    try:
        closing.close_months(at=NEXT_MONTH)
    finally:
        connections.close_all()


def test_a_worker_that_dies_leaves_no_gap(
    cast: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    buy(cast["alice"], 100)
    for name in ("bob", "dora"):
        give(cast["alice"], cast[name], 10)
    monkeypatch.setattr(closing, "CHUNK", 1)
    closing.open_months(at=NEXT_MONTH)
    seal()
    closing.seal_months(at=NEXT_MONTH)

    class Killed(Exception):
        pass

    def die(**_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("payouts.closing.people.notify_many", die)
        with pytest.raises(Killed):
            closing.make_statements(at=NEXT_MONTH)
    closing.close_months(at=NEXT_MONTH)

    assert list(Statement.objects.order_by("number").values_list("number", flat=True)) == [1, 2]


def test_a_statement_is_never_changed_or_deleted(cast: dict[str, User]) -> None:
    buy(cast["alice"], 100)
    give(cast["alice"], cast["bob"], 10)
    close_all()
    made = of(cast["bob"])
    closing.document(statement=made)

    for rows in (Statement.objects.filter(pk=made.pk), StatementFile.objects.filter(pk=made.pk)):
        with pytest.raises(Error), transaction.atomic():
            rows.delete()
    with pytest.raises(Error), transaction.atomic():
        Statement.objects.filter(pk=made.pk).update(digest="0" * 64)
    with pytest.raises(Error), transaction.atomic():
        StatementFile.objects.filter(pk=made.pk).update(pdf=b"")


def test_the_csv_file_proves_its_own_digest(cast: dict[str, User], client: Client) -> None:
    busy_month(cast)
    close_all()
    bob = cast["bob"]
    client.force_login(bob)

    response = client.get(reverse("payouts:statement_csv", args=[f"{THIS:%Y-%m}"]))

    text = response.content.decode()
    lines = text.splitlines(keepends=True)
    assert hashlib.sha256("".join(lines[:-2]).encode()).hexdigest() == of(bob).digest
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[-2]["detail"] == of(bob).digest
    diamonds = [row for row in rows if row["part"] == "diamonds"]
    for column in ("diamonds", "pending", "available", "held", "owed"):
        *moved, closes = [Decimal(row[column]) for row in diamonds]
        assert sum(moved) == closes
    earned = sum(Decimal(r["diamonds"]) for r in rows if r["what"] == "Gifts received")
    assert earned == 2 * Decimal(137)  # once in the table, once by day


def test_the_pdf_is_made_once_and_prints_code_digest_and_every_sum(
    cast: dict[str, User], client: Client
) -> None:
    from pypdf import PdfReader  # noqa: PLC0415

    busy_month(cast)
    close_all()
    made = of(cast["bob"])
    client.force_login(cast["bob"])
    address = reverse("payouts:statement_pdf", args=[f"{THIS:%Y-%m}"])

    first, again = client.get(address).content, client.get(address).content

    assert first == again == bytes(StatementFile.objects.get().pdf)
    words = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(first)).pages)
    for part in (made.label, made.code_words, made.digest, "137", "−25", "Alice"):
        assert (part in words) is (part != "Alice")


def test_nobody_gets_anothers_statement(cast: dict[str, User], client: Client) -> None:
    buy(cast["alice"], 100)
    give(cast["alice"], cast["bob"], 10)
    close_all()
    client.force_login(cast["dora"])

    for name in ("statement", "statement_pdf", "statement_csv"):
        assert client.get(reverse(f"payouts:{name}", args=[f"{THIS:%Y-%m}"])).status_code == 404
    client.force_login(cast["bob"])
    assert client.get(reverse("payouts:statement", args=[f"{THIS:%Y-%m}"])).status_code == 200
    assert client.get(reverse("payouts:statement", args=["2026-00"])).status_code == 404
    assert "is being closed" not in client.get(reverse("payouts:statements")).content.decode()


# Checking one


@pytest.fixture
def made(cast: dict[str, User]) -> Statement:
    busy_month(cast)
    close_all()
    return of(cast["bob"])


@pytest.fixture
def client() -> Client:
    """A visitor from a network of their own: checks are counted by network."""
    return Client(REMOTE_ADDR=f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1")


def ask(client: Client, code: str, file: bytes | None = None) -> tuple[int, str]:
    fields: dict[str, Any] = {"code": code}
    if file is not None:
        fields["file"] = io.BytesIO(file)
    response = client.post(reverse("payouts:verify"), fields)
    return response.status_code, response.content.decode()


def test_anybody_with_the_code_learns_what_the_statement_prints_and_no_more(
    made: Statement, client: Client
) -> None:
    for asked in (made.code_words, str(made.code).lower(), made.digest):
        status, words = ask(client, asked)
        assert status == 200
        assert "Genuine" in words
        assert all(part in words for part in (made.label, "@bob", "137 diamonds"))
        assert "alice" not in words.lower()
        assert made.creator.email not in words


def test_a_wrong_code_is_told_and_counted(made: Statement, client: Client) -> None:
    status, words = ask(client, "0000 0000 0000 0000")
    assert (status, "not genuine" in words) == (404, True)
    for _ in range(40):
        status, words = ask(client, made.code_words)
    assert status == 429
    assert "137 diamonds" not in words


def test_a_file_is_ours_to_the_byte_or_it_is_not(made: Statement, client: Client) -> None:
    text = sheets.as_csv(made.facts, digest=made.digest, code=made.code_words).encode()
    pdf = bytes(closing.document(statement=made).pdf)
    for file in (text, pdf):
        assert "The file is the one we handed out" in ask(client, made.code_words, file)[1]
    for file in (text.replace(b"137", b"937"), pdf + b" ", b""):
        words = ask(client, made.code_words, file)[1]
        assert "Genuine" not in words or file == b""


def test_a_ledger_that_says_something_else_now_is_told(
    made: Statement, client: Client, committed: str
) -> None:
    with owner(committed) as session:
        session.execute("SET session_replication_role = replica")
        session.execute("UPDATE ledger.transfer SET amount = amount + 1000 WHERE code = 21")

    words = ask(client, made.code_words)[1]

    assert "The ledger does not add up to these lines" in words
    assert "Genuine" not in words


def test_another_seal_is_told(made: Statement, client: Client, committed: str) -> None:
    with owner(committed) as session:
        session.execute("UPDATE ledger.period SET seal = sha256('other')")

    assert "The seal of its last period is another one" in ask(client, made.code_words)[1]
