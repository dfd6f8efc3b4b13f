"""Credit notes: one for each time money went back, over what was booked, numbered without a gap."""

import io
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from django.db import Error, connection, transaction
from django.db.models import Sum
from django.test import Client
from pypdf import PdfReader

from accounts import notices
from accounts.models import Notice, User
from tests import factories
from tests.database import owner
from tests.standin import Standin, eventually
from tests.wallet.test_disputes import contest, dashboard_refund, decide
from tests.wallet.test_refunds import approve, ask, bought, submit
from wallet import credit_notes, disputes, documents, receipts, series, submissions
from wallet.models import (
    CreditNote,
    CreditNoteFile,
    CreditNoteSeries,
    Dispute,
    Purchase,
    Refund,
    Region,
    Seller,
    SellerRegion,
    Transfer,
)

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
STRIPE = "wallet.providers.stripe.Stripe"
SELLER = {"name": "Carat Ltd", "address": ["1 Street", "Berlin"], "country": "Germany",
          "tax_number": "DE123", "contact": ""}  # fmt: skip
FACTS = {
    "number": "CARAT-CN-0000007", "issued": "22 November 2026", "account": "12",
    "region": "Germany", "seller": SELLER, "purchase": "019a", "currency": "EUR",
    "tax_name": "MwSt.", "tax_percent": "19", "receipt": "CARAT-0000042",
    "receipt_issued": "21 November 2026", "what": "700 coins given back", "detail": "Before tax",
    "returned": "22 November 2026, 09:00 UTC", "method": "Card", "cause": "Refund",
    "takes_back": "", "cause_id": "019b", "net": "-7.06", "tax": "-1.34", "gross": "-8.40",
    "receipt_gross": "16.80", "given_back": "8.40",
}  # fmt: skip


def give_back(standin: Standin, purchase: Purchase, olga: User, coins: int = 700) -> CreditNote:
    refund = approve(ask(purchase, coins), olga)
    submit(refund)
    return CreditNote.objects.get(refund=refund)


def read(pdf: bytes) -> str:
    """The text of a PDF, as somebody would copy it: one space between words."""
    pages = PdfReader(io.BytesIO(pdf)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def asked(user: User, note: CreditNote) -> tuple[str, str]:
    """Hand out the note's file; its number and its text."""
    kept, pdf = credit_notes.document(user_id=user.pk, note_id=note.pk, at=AT)
    return kept.label, read(pdf)


def numbers() -> list[tuple[str, int]]:
    numbered = CreditNote.objects.exclude(number=None).order_by("seller", "number")
    return [(str(note.seller_id), note.number or 0) for note in numbered]


def booked(purchase: Purchase) -> tuple[int, int]:
    """What the ledger says went back of a purchase, and the tax in it."""
    legs = Transfer.objects.filter(lot__purchase=purchase)
    gross, tax = (
        legs.filter(code__in=codes).aggregate(sum=Sum("amount", default=0))["sum"]
        for codes in ((63, 64, 87), (64,))
    )
    return gross, tax


def test_a_paid_refund_has_its_note_and_email_page_and_history_lead_to_it(
    standin: Standin, alice: User, olga: User, client: Client
) -> None:
    client.force_login(alice)
    purchase = bought(standin, alice)

    note = give_back(standin, purchase, olga)

    address = f"/balance/credit-notes/{note.pk}.pdf"
    refund = note.refund
    assert refund is not None
    for page in (f"/coins/purchases/{purchase.pk}/", f"/balance/refunds/{refund.pk}/",
                 f"/balance/operations/{note.pk}/", "/me/notifications/"):  # fmt: skip
        assert f'href="{address}"' in client.get(page).content.decode()
    email = notices.message(Notice.objects.get(title="€8.40 is on its way back to you"))
    assert f"Credit note (PDF): http://localhost:8000{address}" in email.body
    assert "Receipt (PDF)" not in email.body
    answer = client.get(address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    name = 'attachment; filename="credit-note-CARAT-CN-0000001.pdf"'
    assert answer["Content-Disposition"] == name
    assert answer["Cache-Control"] == "private, no-store"


# 700 coins are €8.40, ¥1,225 and 2.450 KWD. Parts go down to what can be moved (in dinars ten
# fils), their tax to the minor unit, and the last part takes what is left of both.
@pytest.mark.parametrize(
    ("country", "tax_bps", "first", "second"),
    [
        ("DE", 1900, ("EUR −3.36", "EUR −0.63", "EUR −3.99", "EUR 8.40", "EUR 3.99"),
         ("EUR −3.70", "EUR −0.71", "EUR −4.41", "EUR 8.40", "EUR 8.40")),
        ("JP", 1000, ("JPY −530", "JPY −52", "JPY −582", "JPY 1,225", "JPY 582"),
         ("JPY −584", "JPY −59", "JPY −643", "JPY 1,225", "JPY 1,225")),
        ("KW", 500, ("KWD −1.105", "KWD −0.055", "KWD −1.160", "KWD 2.450", "KWD 1.160"),
         ("KWD −1.228", "KWD −0.062", "KWD −1.290", "KWD 2.450", "KWD 2.450")),
    ],
)  # fmt: skip
def test_two_parts_say_exact_figures_and_take_back_the_whole_receipt(
    standin: Standin, olga: User, country: str, tax_bps: int,
    first: tuple[str, ...], second: tuple[str, ...],
) -> None:  # fmt: skip
    Region.objects.filter(pk=country).update(tax_bps=tax_bps)
    fan = factories.make_user("fan", country=country)
    purchase = bought(standin, fan)

    one = give_back(standin, purchase, olga, 333)
    two = give_back(standin, purchase, olga, 367)

    texts = [asked(fan, one), asked(fan, two)]
    assert [label for label, _ in texts] == ["CARAT-CN-0000001", "CARAT-CN-0000002"]
    for (label, text), coins, figures in zip(texts, (333, 367), (first, second), strict=True):
        net, tax, gross, paid, so_far = figures
        assert f"Number Issued For {label}" in text.replace(
            "NUMBER ISSUED FOR", "Number Issued For"
        )
        assert "Amends receipt CARAT-0000001 of 22 November 2026." in text
        assert f"{coins} coins given back Before tax {net}" in text
        assert f"{tax_bps // 100} % {tax}" in text
        assert f"Given back {gross}" in text
        assert f"{paid} {so_far}" in text
    sums = CreditNote.objects.aggregate(gross=Sum("gross_minor"), tax=Sum("tax_minor"))
    assert (sums["gross"], sums["tax"]) == (purchase.gross_minor, purchase.tax_minor)
    assert booked(purchase) == (purchase.gross_minor, purchase.tax_minor)


def test_the_rate_is_the_receipts_and_not_the_regions_of_today(
    standin: Standin, alice: User, olga: User
) -> None:
    purchase = bought(standin, alice)
    receipts.number_receipts(at=AT)
    Region.objects.filter(pk="DE").update(tax_bps=2500, tax_name="New tax", name="Elsewhere")

    note = give_back(standin, purchase, olga)

    text = asked(alice, note)[1]
    assert "MwSt., 19 % EUR −1.34" in text
    assert "Germany" in text
    assert "New tax" not in text


def test_a_refund_that_is_not_paid_has_no_note(standin: Standin, alice: User, olga: User) -> None:
    purchase = bought(standin, alice)

    approve(ask(purchase, 100), olga, coins=0)
    approve(ask(purchase, 100), olga)

    assert not CreditNote.objects.exists()


def test_only_what_was_approved_is_on_the_note(standin: Standin, alice: User, olga: User) -> None:
    refund = approve(ask(bought(standin, alice), 700), olga, coins=100)

    submit(refund)

    note = CreditNote.objects.get()
    assert (note.coins, note.gross_minor, note.tax_minor) == (100, 120, 19)


def test_a_refund_that_came_back_takes_its_note_back_and_can_be_paid_again(
    standin: Standin, alice: User, olga: User, client: Client
) -> None:
    purchase = bought(standin, alice, "refund-fails")
    first = give_back(standin, purchase, olga, 333)
    refund = first.refund
    assert refund is not None

    eventually(lambda: came_back(refund))

    second = CreditNote.objects.get(takes_back=first)
    assert (second.coins, second.gross_minor, second.tax_minor) == (333, 399, 63)
    label, text = asked(alice, second)  # numbers the first before it
    assert label == "CARAT-CN-0000002"
    assert asked(alice, first)[0] == "CARAT-CN-0000001"
    assert "Takes back credit note CARAT-CN-0000001. Amends receipt CARAT-0000001" in text
    assert "Refund of 333 coins that came back Before tax EUR 3.36" in text
    assert "19 % EUR 0.63 No longer given back EUR 3.99" in text
    assert "EUR 8.40 EUR 0.00" in text
    client.force_login(alice)
    address = f'href="/balance/credit-notes/{second.pk}.pdf"'
    for page in (f"/coins/purchases/{purchase.pk}/", f"/balance/refunds/{refund.pk}/",
                 f"/balance/operations/{second.pk}/", "/me/notifications/"):  # fmt: skip
        assert address in client.get(page).content.decode(), page
    again = give_back(standin, purchase, olga, 700)
    assert "EUR 8.40 EUR 8.40" in asked(alice, again)[1]


def came_back(refund: Refund) -> bool:
    refund.refresh_from_db()
    submissions.mirror(provider=STRIPE, ref=refund.provider_ref, at=datetime.now(UTC))
    return Refund.objects.get(pk=refund.pk).state == Refund.State.FAILED


# What began elsewhere


@pytest.fixture
def payer(committed: str) -> User:
    """Alice, where commits are real: disputes wait for folds."""
    return factories.make_user("alice")


def test_a_lost_dispute_has_its_note_and_the_purchases_page_leads_to_it(
    standin: Standin, payer: User, client: Client
) -> None:
    purchase = bought(standin, payer)

    dispute = decide(standin, contest(standin, purchase), do="lose")

    note = CreditNote.objects.get()
    assert (note.pk, note.dispute, note.coins) == (dispute.pk, dispute, 700)
    assert (note.gross_minor, note.tax_minor) == booked(purchase) == (840, 134)
    label, text = asked(payer, note)
    assert label == "CARAT-CN-0000001"
    assert "Payment taken back by the bank For 700 coins, before tax EUR −7.06" in text
    client.force_login(payer)
    page = client.get(f"/coins/purchases/{purchase.pk}/").content.decode()
    assert f'href="/balance/credit-notes/{note.pk}.pdf"' in page
    told = Notice.objects.get(subject_key=f"dispute:{dispute.pk}:lost")
    assert told.document_path == f"/balance/credit-notes/{note.pk}.pdf"
    assert told.document_name == "Credit note"


def test_a_won_dispute_has_none(standin: Standin, payer: User) -> None:
    dispute = decide(standin, contest(standin, bought(standin, payer)), do="win")

    assert dispute.state == Dispute.State.WON
    assert not CreditNote.objects.exists()


def test_a_refund_that_began_at_the_payment_company_has_its_note_once(
    standin: Standin, payer: User
) -> None:
    purchase = bought(standin, payer)
    ref = dashboard_refund(standin, purchase, amount=420)

    for _ in range(2):
        disputes.mirror_refund(provider=STRIPE, ref=ref, at=datetime.now(UTC))

    note = CreditNote.objects.get()
    assert credit_notes.cause_of(note) == credit_notes.Cause.PROVIDER_REFUND
    assert (note.coins, note.gross_minor, note.tax_minor) == (350, 420, 67)
    assert "Refund by the payment company For 350 coins" in asked(payer, note)[1]


def test_what_went_back_before_there_were_notes_gets_the_same_ones(
    standin: Standin, payer: User
) -> None:
    olga = factories.make_staff("olga")
    failing = give_back(standin, bought(standin, payer, "refund-fails"), olga).refund
    assert failing is not None
    eventually(lambda: came_back(failing))
    purchase = bought(standin, payer)
    give_back(standin, purchase, olga, 333)
    decide(standin, contest(standin, purchase, amount=200), do="lose")
    causes = "refund_id, dispute_id, takes_back_id"
    every = (
        f"SELECT id, receipt_id, {causes}, coins, gross_minor, tax_minor, number"
        " FROM wallet_creditnote ORDER BY id"
    )
    old = import_module("wallet.migrations.0032_credit_notes_of_old_returns").Migration

    with owner(connection.settings_dict["NAME"]) as session:
        made = session.execute(every).fetchall()
        session.execute("ALTER TABLE wallet_creditnote DISABLE TRIGGER USER")
        session.execute("DELETE FROM wallet_creditnote")
        for operation in old.operations:
            session.execute(operation.sql)
        again = session.execute(every).fetchall()

    assert len(made) == 4
    assert again == made


# Files


def test_the_same_file_is_handed_out_again_whatever_has_changed_since(alice: User) -> None:
    note = factories.make_credit_note(alice)
    first = credit_notes.document(user_id=alice.pk, note_id=note.pk, at=AT)
    Seller.objects.update(name="Another Name Ltd", address="Elsewhere")

    again = credit_notes.document(user_id=alice.pk, note_id=note.pk, at=datetime.now(UTC))

    assert again[1] == first[1]
    assert CreditNoteFile.objects.count() == 1


def test_the_same_facts_make_the_same_bytes_and_other_facts_do_not() -> None:
    one = documents.credit_note_pdf(facts=FACTS, issued_at=AT)

    assert documents.credit_note_pdf(facts=FACTS, issued_at=AT) == one
    assert documents.credit_note_pdf(facts=FACTS | {"gross": "-8.41"}, issued_at=AT) != one


@pytest.mark.parametrize(
    "words", ['#read("/etc/passwd")', '"; #panic("x")', "*bold* $x$", '#import "@preview/x:1.0.0"']
)
def test_what_people_write_is_text_in_a_note_and_never_markup(words: str) -> None:
    pdf = documents.credit_note_pdf(facts=FACTS | {"what": words, "method": words}, issued_at=AT)

    assert read(pdf).count(words.split(maxsplit=1)[0]) == 2


@pytest.mark.parametrize("who", ["mallory", "bob", "olga"])
def test_a_note_is_its_owners_alone(
    who: str, alice: User, client: Client, request: pytest.FixtureRequest
) -> None:
    note = factories.make_credit_note(alice)
    client.force_login(request.getfixturevalue(who))

    assert client.get(f"/balance/credit-notes/{note.pk}.pdf").status_code == 404
    assert (CreditNoteFile.objects.count(), numbers()) == (0, [])


@pytest.mark.parametrize(
    "harm",
    [
        lambda: CreditNote.objects.all().delete(),
        lambda: CreditNote.objects.update(gross_minor=1, tax_minor=0),
        lambda: CreditNote.objects.update(number=7),
        lambda: CreditNoteFile.objects.update(pdf=b"another"),
        lambda: CreditNoteFile.objects.all().delete(),
    ],
)
def test_the_database_refuses_to_change_or_delete_what_was_handed_out(
    alice: User, harm: Callable[[], object]
) -> None:
    note = factories.make_credit_note(alice)
    credit_notes.document(user_id=alice.pk, note_id=note.pk, at=AT)

    with pytest.raises(Error, match="Cannot"), transaction.atomic():
        harm()

    assert numbers() == [("CARAT", 1)]


@pytest.mark.parametrize(
    ("constraint", "wrong"),
    [
        ("credit_note_amounts", {"gross_minor": 0, "tax_minor": 0}),
        ("credit_note_amounts", {"tax_minor": 421}),
        ("credit_note_one_cause", {"refund": None}),
        ("credit_note_numbered_whole", {"number": 1}),
    ],
)
def test_the_database_refuses_a_note_that_makes_no_sense(
    alice: User, constraint: str, wrong: dict[str, Any]
) -> None:
    note = factories.make_credit_note(alice)

    with pytest.raises(Error, match=constraint), transaction.atomic():
        CreditNote.objects.filter(pk=note.pk).update(**wrong)


# Numbers


def test_a_note_waits_for_the_number_of_its_receipt(alice: User) -> None:
    factories.make_credit_note(alice)

    assert credit_notes.number_credit_notes(at=AT) == 0
    receipts.number_receipts(at=AT)
    assert credit_notes.number_credit_notes(at=AT) == 1
    assert credit_notes.number_credit_notes(at=AT) == 0


def test_each_seller_has_a_series_of_its_own_beside_that_of_its_receipts(alice: User) -> None:
    japan = Seller.objects.create(code="JPK", name="Carat KK", address="Tokyo", country="JP")
    here = factories.make_credit_note(alice)
    there = factories.make_credit_note(alice)
    SellerRegion.objects.create(seller=japan, region_id="JP")
    Purchase.objects.filter(pk=there.receipt.purchase_id).update(region_id="JP", currency="JPY")
    factories.make_credit_note(alice)
    receipts.number_receipts(at=AT)

    credit_notes.number_credit_notes(at=AT)

    assert numbers() == [("CARAT", 1), ("CARAT", 2), ("JPK", 1)]
    here.refresh_from_db()
    there.refresh_from_db()
    assert (here.label, there.label) == ("CARAT-CN-0000001", "JPK-CN-0000001")
    assert there.facts["receipt"] == "JPK-0000001"


def at_once(*deeds: Callable[[], object]) -> list[Exception]:
    """Run the deeds at the same time; what went wrong."""
    start, faults = threading.Barrier(len(deeds)), list[Exception]()

    def run(deed: Callable[[], object]) -> None:
        try:
            start.wait(20)
            deed()
        except Exception as error:  # noqa: BLE001 - the test looks at what went wrong
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return faults


def test_two_who_record_one_refund_at_once_make_one_note(standin: Standin, payer: User) -> None:
    olga = factories.make_staff("olga")
    purchase = bought(standin, payer)
    refund = approve(ask(purchase, 333), olga)

    faults = at_once(*[lambda: submit(refund)] * 2)

    assert faults == []
    submit(refund)
    note = CreditNote.objects.get()
    assert (note.refund_id, note.gross_minor) == (refund.pk, 399)
    assert booked(purchase) == (399, note.tax_minor)
    assert Notice.objects.filter(document_path__contains="credit-note").count() == 1


def test_who_asks_for_files_and_numbers_at_once_gets_one_number_a_note_and_no_gap(
    committed: str,
) -> None:
    alice = factories.make_user("alice")
    notes = [factories.make_credit_note(alice) for _ in range(4)]
    files = list[tuple[str, bytes]]()

    def hand_out(note: CreditNote) -> None:
        kept, pdf = credit_notes.document(user_id=alice.pk, note_id=note.pk, at=AT)
        files.append((kept.label, pdf))

    def number() -> None:
        receipts.number_receipts(at=AT)
        credit_notes.number_credit_notes(at=AT)

    faults = at_once(
        lambda: hand_out(notes[0]), lambda: hand_out(notes[0]), lambda: hand_out(notes[1]),
        lambda: hand_out(notes[1]), number, number,
    )  # fmt: skip
    number()

    assert faults == []
    assert numbers() == [("CARAT", number) for number in range(1, 5)]
    assert len(files) == 4
    assert len(set(files)) == len({label for label, _ in files}) == 2


def test_control_without_the_series_lock_numbers_collide(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = factories.make_user("alice")
    notes = [factories.make_credit_note(alice) for _ in range(2)]
    receipts.number_receipts(at=AT)
    CreditNoteSeries.objects.create(seller_id="CARAT")
    seller, both = Seller.objects.get(), threading.Barrier(2)

    def unlocked(_series: type[CreditNoteSeries], seller: Seller) -> CreditNoteSeries:
        found = CreditNoteSeries.objects.get(seller=seller)
        both.wait(20)
        return found

    monkeypatch.setattr(series, "_locked", unlocked)

    faults = at_once(
        *[lambda n=note: credit_notes._number(seller=seller, at=AT, note_id=n.pk)
          for note in notes]
    )  # fmt: skip

    assert len(faults) == 1
    assert "credit_note_number_key" in str(faults[0])
    assert numbers() == [("CARAT", 1)]


# Staff


def test_staff_see_notes_and_change_none(olga: User, alice: User, client: Client) -> None:
    factories.make_credit_note(alice)
    receipts.number_receipts(at=AT)
    credit_notes.number_credit_notes(at=AT)
    client.force_login(olga)

    listed = client.get("/admin/wallet/creditnote/").content.decode()

    assert "CARAT-CN-0000001" in listed
    assert "€4.20" in listed
    assert client.post("/admin/wallet/creditnote/add/", {}).status_code == 403
