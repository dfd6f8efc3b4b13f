"""Services read a fan's receipts and credit notes, under that fan's consent alone."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from tests import factories, services
from tests.wallet.test_credit_notes import read
from wallet import credit_notes, ledger, receipts
from wallet.models import CreditNote, CreditNoteFile, Receipt, ReceiptFile, Seller

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture
def tipbot(db: None) -> APIClient:
    return services.service()


@pytest.fixture
def note(alice: User) -> CreditNote:
    """Of a receipt over €4.20 of alice's, both numbered."""
    made = factories.make_credit_note(alice)
    receipts.number_receipts(at=AT)
    credit_notes.number_credit_notes(at=AT)
    made.refresh_from_db()
    return made


def eur(minor: int) -> dict[str, Any]:
    return {"amount_minor": minor, "currency": "EUR", "decimals": 2}


def test_a_receipt_is_listed_read_and_handed_out(
    tipbot: APIClient, alice: User, note: CreditNote
) -> None:
    services.consent(alice, scope="balance:read")
    purchase = note.receipt.purchase

    listed = tipbot.get("/api/v1/receipts?fan=@alice").json()
    shown = tipbot.get(f"/api/v1/receipts/{purchase.pk}").json()
    file = tipbot.get(f"/api/v1/receipts/{purchase.pk}/pdf")

    assert listed == {"results": [shown], "next": None}
    assert shown == {
        "purchase": str(purchase.pk), "fan": alice.pk, "number": "CARAT-0000001",
        "seller": "CARAT", "issued_at": "2026-11-22T09:00:00Z",
        "paid_at": "2026-11-22T09:00:00Z", "coins": 350, "gross": eur(420), "tax": eur(67),
        "tax_bps": 1900, "method": "card",
    }  # fmt: skip
    assert (file.status_code, file["Content-Type"]) == (200, "application/pdf")
    assert file["Content-Disposition"] == 'attachment; filename="receipt-CARAT-0000001.pdf"'
    assert file["Cache-Control"] == "no-store"
    assert "CARAT-0000001" in read(file.content)
    own = receipts.document(user_id=alice.pk, purchase_id=purchase.pk, at=AT)[1]
    assert file.content == own


def test_a_credit_note_is_listed_read_and_handed_out(
    tipbot: APIClient, alice: User, note: CreditNote
) -> None:
    services.consent(alice, scope="balance:read")

    listed = tipbot.get("/api/v1/credit-notes?fan=@alice").json()
    shown = tipbot.get(f"/api/v1/credit-notes/{note.pk}").json()
    file = tipbot.get(f"/api/v1/credit-notes/{note.pk}/pdf")

    assert listed == {"results": [shown], "next": None}
    assert shown == {
        "id": str(note.pk), "fan": alice.pk, "number": "CARAT-CN-0000001",
        "receipt": "CARAT-0000001", "purchase": str(note.receipt.purchase_id), "cause": "refund",
        "refund": str(note.refund_id), "takes_back": None,
        "issued_at": "2026-11-22T09:00:00Z", "coins": 350,
        "gross": eur(-420), "tax": eur(-67), "tax_bps": 1900,
    }  # fmt: skip
    assert (file.status_code, file["Content-Type"]) == (200, "application/pdf")
    assert file["Content-Disposition"] == 'attachment; filename="credit-note-CARAT-CN-0000001.pdf"'
    assert "Amends receipt CARAT-0000001" in read(file.content)


def test_lists_go_page_by_page_and_miss_and_repeat_nothing(
    tipbot: APIClient, alice: User, mallory: User
) -> None:
    services.consent(alice, scope="balance:read")
    made = [factories.make_credit_note(alice) for _ in range(5)]
    factories.make_credit_note(mallory)

    def walk(kind: str, name: str) -> list[str]:
        seen, after = list[str](), ""
        for _ in range(4):
            page = tipbot.get(f"/api/v1/{kind}?fan=@alice&limit=2{after}").json()
            seen += [row[name] for row in page["results"]]
            if page["next"] is None:
                return seen
            after = f"&after={page['next']}"
        raise AssertionError("the list has no end")

    assert walk("receipts", "purchase") == [str(n.receipt.purchase_id) for n in reversed(made)]
    assert sorted(walk("credit-notes", "id")) == sorted(str(n.pk) for n in made)


def test_what_waits_for_its_number_says_so_and_its_file_gives_it_one(
    tipbot: APIClient, alice: User
) -> None:
    services.consent(alice, scope="balance:read")
    waiting = factories.make_credit_note(alice)

    shown = tipbot.get(f"/api/v1/credit-notes/{waiting.pk}").json()
    file = tipbot.get(f"/api/v1/credit-notes/{waiting.pk}/pdf")

    assert (shown["number"], shown["receipt"], shown["issued_at"]) == ("", "", None)
    assert file.status_code == 200
    waiting.refresh_from_db()
    assert (waiting.label, waiting.receipt.label) == ("CARAT-CN-0000001", "CARAT-0000001")


def test_without_a_seller_there_is_no_file_and_the_problem_is_json(
    tipbot: APIClient, alice: User
) -> None:
    services.consent(alice, scope="balance:read")
    waiting = factories.make_credit_note(alice)
    Seller.objects.all().delete()

    answers = [
        tipbot.get(f"/api/v1/receipts/{waiting.receipt.purchase_id}/pdf"),
        tipbot.get(f"/api/v1/credit-notes/{waiting.pk}/pdf"),
    ]

    assert [services.refused(answer) for answer in answers] == [(409, "no_receipt_yet")] * 2


def test_without_consent_nothing_is_read_and_what_is_there_is_not_told_from_what_is_not(
    tipbot: APIClient, alice: User, mallory: User, note: CreditNote
) -> None:
    services.consent(mallory, scope="balance:read")
    services.consent(alice, scope="reviews:read")
    unknown = ledger.new_operation_id()

    answers = [
        tipbot.get(f"/api/v1/{path}")
        for path in (
            "receipts?fan=@alice",
            "receipts?fan=@nobody",
            f"receipts/{note.receipt.purchase_id}",
            f"receipts/{unknown}",
            f"receipts/{note.receipt.purchase_id}/pdf",
            f"receipts/{unknown}/pdf",
            "credit-notes?fan=@alice",
            f"credit-notes/{note.pk}",
            f"credit-notes/{unknown}",
            f"credit-notes/{note.pk}/pdf",
            f"credit-notes/{unknown}/pdf",
        )
    ]

    assert {services.refused(answer) for answer in answers} == {(403, "consent_missing")}
    assert len({answer.content for answer in answers}) == 1
    assert (ReceiptFile.objects.count(), CreditNoteFile.objects.count()) == (0, 0)


def test_a_token_without_the_scope_reads_nothing(alice: User, note: CreditNote) -> None:
    other = services.service("other", ("gifts:send",))
    services.consent(alice, client_id="other")

    for path in ("receipts?fan=@alice", f"credit-notes/{note.pk}/pdf"):
        assert services.refused(other.get(f"/api/v1/{path}")) == (403, "scope_missing")


@pytest.mark.parametrize("query", ["", "fan=@alice&limit=0", "fan=@alice&after=x", "fan=@a&x=1"])
def test_a_query_that_makes_no_sense_is_refused(tipbot: APIClient, alice: User, query: str) -> None:
    services.consent(alice, scope="balance:read")

    for kind in ("receipts", "credit-notes"):
        assert services.refused(tipbot.get(f"/api/v1/{kind}?{query}")) == (400, "invalid")


def test_a_file_that_a_caller_does_not_take_is_refused(
    tipbot: APIClient, alice: User, note: CreditNote
) -> None:
    services.consent(alice, scope="balance:read")

    answer = tipbot.get(f"/api/v1/credit-notes/{note.pk}/pdf", headers={"Accept": "text/html"})

    assert services.refused(answer) == (406, "not_acceptable")
    assert Receipt.objects.count() == 1
