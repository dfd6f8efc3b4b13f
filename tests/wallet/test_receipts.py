"""Receipts: none missing, no gap in the numbers, the same file for good, for its owner alone."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import Error, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import notices
from accounts.models import Notice, User
from tests import factories
from tests.standin import Standin
from wallet import documents, ledger, payments, purchases, receipts, series
from wallet.models import (
    PaymentMethod,
    Purchase,
    Receipt,
    ReceiptFile,
    ReceiptSeries,
    Region,
    Seller,
    SellerRegion,
)

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
FACTS = {
    "number": "CARAT-0000042", "issued": "22 November 2026", "account": "12", "region": "Germany",
    "seller": {"name": "Carat Ltd", "address": ["1 Street", "Berlin"], "country": "Germany",
               "tax_number": "DE123", "contact": ""},
    "purchase": "019a", "paid": "22 November 2026, 03:00 UTC", "method": "Card", "coins": "1,400",
    "currency": "EUR", "net": "14.12", "tax_name": "MwSt.", "tax_percent": "19", "tax": "2.68",
    "gross": "16.80",
}  # fmt: skip


def paid_purchase(buyer: User, *, coins: int = 700, region: str = "DE") -> Purchase:
    """A purchase that is paid; crediting it is the next thing that happens to it."""
    where = Region.objects.get(pk=region)
    return Purchase.objects.create(
        id=ledger.new_operation_id(),
        buyer=buyer,
        region=where,
        method=PaymentMethod.objects.get(pk="card"),
        coins=coins,
        gross_minor=840,
        tax_minor=134,
        tax_bps=where.tax_bps,
        currency=where.currency,
        state=Purchase.State.PAID,
        hold_class=5,
        fee_minor=38,
        paid_at=AT,
    )


def credited(buyer: User, **facts: Any) -> Purchase:
    with transaction.atomic():
        return payments.put_into_wallet(paid_purchase(buyer, **facts), at=AT)


def numbers() -> list[tuple[str, int | None]]:
    return list(
        Receipt.objects.exclude(number=None)
        .order_by("seller", "number")
        .values_list("seller", "number")
    )


def test_a_bought_purchase_has_a_receipt_and_its_email_leads_to_it(
    standin: Standin, alice: User, client: Client
) -> None:
    client.force_login(alice)
    purchase = purchases.start_purchase(
        purchase_id=ledger.new_operation_id(), user=alice, coins=700, method_code="card",
        at=timezone.now(),
    )  # fmt: skip
    standin.pay(purchase.checkout_ref, "germany")
    payments.settle_purchase(purchase_id=purchase.pk, at=timezone.now())

    address = f"/coins/purchases/{purchase.pk}/receipt.pdf"
    for page in (f"/coins/purchases/{purchase.pk}/", f"/balance/operations/{purchase.pk}/",
                 "/me/notifications/"):  # fmt: skip
        assert f'href="{address}"' in client.get(page).content.decode()
    email = notices.message(Notice.objects.get(title="700 coins arrived"))
    assert f"Receipt (PDF): http://localhost:8000{address}" in email.body
    assert f'href="http://localhost:8000{address}"' in str(email.alternatives[0][0])
    answer = client.get(address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer["Content-Disposition"] == 'attachment; filename="receipt-CARAT-0000001.pdf"'
    assert answer["Cache-Control"] == "private, no-store"
    assert answer.content.startswith(b"%PDF-")


def test_a_receipt_says_seller_tax_and_total_and_names_nobody(alice: User) -> None:
    purchase = credited(alice)

    assert receipts.number_receipts(at=AT) == 1

    receipt = Receipt.objects.get()
    assert (receipt.label, receipt.issued_at) == ("CARAT-0000001", AT)
    assert receipt.facts == {
        "number": "CARAT-0000001",
        "issued": "22 November 2026",
        "seller": {
            "name": "Carat", "address": ["Write your address here: Admin, Sellers"],
            "country": "Germany", "tax_number": "", "contact": "",
        },
        "account": str(alice.pk),
        "region": "Germany",
        "purchase": str(purchase.pk),
        "paid": "22 November 2026, 09:00 UTC",
        "method": "Card",
        "coins": "700",
        "currency": "EUR",
        "net": "7.06",
        "tax_name": "MwSt.",
        "tax_percent": "19",
        "tax": "1.34",
        "gross": "8.40",
    }  # fmt: skip
    for canary in ("alice", "Alice", "1990"):
        assert canary not in json.dumps(receipt.facts)


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [(5_690_400, "VND", "5,690,400"), (3_675, "KWD", "3.675"), (100_000, "EUR", "1,000.00"),
     (9_800, "JPY", "9,800"), (1, "KWD", "0.001")],
)  # fmt: skip
def test_figures_have_the_decimals_of_their_currency(minor: int, currency: str, shown: str) -> None:
    assert documents.figure(minor, currency) == shown


def test_the_same_file_is_handed_out_again_whatever_has_changed_since(alice: User) -> None:
    purchase = credited(alice)
    first = receipts.document(user_id=alice.pk, purchase_id=purchase.pk, at=AT)
    Seller.objects.update(name="Another Name Ltd", address="Elsewhere")
    Region.objects.filter(pk="DE").update(tax_name="USt", name="Deutschland")

    again = receipts.document(user_id=alice.pk, purchase_id=purchase.pk, at=timezone.now())

    assert again[1] == first[1]
    assert ReceiptFile.objects.count() == 1


def test_the_program_that_writes_documents_is_loaded_by_the_first_one_only() -> None:
    program = (
        "import django; django.setup(); import config.urls, sys; print('typst' in sys.modules)"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert said.stdout.decode().strip() == "False"


def test_the_same_facts_make_the_same_bytes_and_other_facts_do_not() -> None:
    one = documents.receipt_pdf(facts=FACTS, issued_at=AT)

    assert documents.receipt_pdf(facts=FACTS, issued_at=AT) == one
    assert documents.receipt_pdf(facts=FACTS | {"gross": "16.81"}, issued_at=AT) != one


@pytest.mark.parametrize(
    "words",
    ['#read("/etc/passwd")', '#image("http://127.0.0.1:9/x.png")', '"; #panic("x")', "*bold* $x$",
     '#import "@preview/x:1.0.0"', "\\ #eval(\"1\")", "<label> @ref"],
)  # fmt: skip
def test_what_people_write_is_text_in_a_receipt_and_never_markup(words: str) -> None:
    seller = FACTS["seller"] | {"name": words, "address": [words], "contact": words}  # type: ignore[operator]

    pdf = documents.receipt_pdf(facts=FACTS | {"seller": seller, "method": words}, issued_at=AT)

    assert pdf.startswith(b"%PDF-")
    assert b"root:" not in pdf


@pytest.mark.parametrize("who", ["mallory", "bob", "olga"])
def test_a_receipt_is_its_owners_alone(
    who: str, alice: User, client: Client, request: pytest.FixtureRequest
) -> None:
    purchase = credited(alice)
    client.force_login(request.getfixturevalue(who))

    assert client.get(f"/coins/purchases/{purchase.pk}/receipt.pdf").status_code == 404
    assert (ReceiptFile.objects.count(), numbers()) == (0, [])


def test_a_purchase_without_coins_has_no_receipt(alice: User, client: Client) -> None:
    purchase = paid_purchase(alice)
    Purchase.objects.update(state=Purchase.State.CANCELLED, paid_at=None)
    client.force_login(alice)

    assert client.get(f"/coins/purchases/{purchase.pk}/receipt.pdf").status_code == 404
    assert "receipt.pdf" not in client.get(f"/coins/purchases/{purchase.pk}/").content.decode()


def test_each_seller_has_numbers_of_its_own_and_regions_follow_who_sells_there(
    alice: User,
) -> None:
    japan = Seller.objects.create(code="JPK", name="Carat KK", address="Tōkyō", country="JP")
    SellerRegion.objects.create(seller=japan, region_id="JP")
    for region in ("DE", "JP", "US", "JP"):
        credited(alice, region=region)

    assert receipts.number_receipts(at=AT) == 4
    assert receipts.number_receipts(at=AT) == 0
    assert numbers() == [("CARAT", 1), ("CARAT", 2), ("JPK", 1), ("JPK", 2)]
    receipt = Receipt.objects.filter(seller="JPK").first()
    assert receipt is not None
    pdf = receipts.document(user_id=alice.pk, purchase_id=receipt.purchase_id, at=AT)[1]
    assert pdf.startswith(b"%PDF-")


def test_without_any_seller_receipts_wait_and_are_numbered_once_there_is_one(
    alice: User, client: Client
) -> None:
    Seller.objects.all().delete()
    purchase = credited(alice)
    client.force_login(alice)

    assert receipts.number_receipts(at=AT) == 0
    assert client.get(f"/coins/purchases/{purchase.pk}/receipt.pdf").status_code == 404
    Seller.objects.create(code="NEW", name="N", address="A", country="DE", is_default=True)
    assert receipts.number_receipts(at=AT) == 1
    assert numbers() == [("NEW", 1)]


@pytest.mark.parametrize(
    "harm",
    [
        lambda: Receipt.objects.all().delete(),
        lambda: Receipt.objects.update(facts={}),
        lambda: Receipt.objects.update(number=7),
        lambda: ReceiptFile.objects.update(pdf=b"another"),
        lambda: ReceiptFile.objects.all().delete(),
    ],
)
def test_the_database_refuses_to_change_or_delete_what_was_handed_out(
    alice: User, harm: Callable[[], object]
) -> None:
    purchase = credited(alice)
    receipts.document(user_id=alice.pk, purchase_id=purchase.pk, at=AT)

    with pytest.raises(Error, match="Cannot"), transaction.atomic():
        harm()

    assert numbers() == [("CARAT", 1)]


def test_whoever_paid_gets_a_receipt_even_where_a_font_is_missing() -> None:
    pdf = documents.receipt_pdf(facts=FACTS | {"region": "日本"}, issued_at=AT)

    assert pdf.startswith(b"%PDF-")


def test_a_sellers_name_that_no_font_can_write_is_refused_with_what_to_do(
    olga: User, client: Client
) -> None:
    client.force_login(olga)
    form = {
        "name": "カラット", "address": "Straße 1", "country": "JP", "tax_number": "", "contact": "",
        "is_default": "on", "why": "Moved.", "regions-TOTAL_FORMS": "0",
        "regions-INITIAL_FORMS": "0",
    }  # fmt: skip

    page = client.post("/admin/wallet/seller/CARAT/change/", form).content.decode()

    assert "Receipts cannot show this" in page
    assert "DOCUMENT_FONTS_DIR" in page
    assert Seller.objects.get().name == "Carat"


# Numbers without a gap


class Stumble(Exception):
    """A writer dies before its commit."""


def stumble(*, at: int) -> None:
    """Every third time."""
    if at % 3 == 0:
        raise Stumble


def eight_writers(alice: User, *, each: int, number: Callable[[int], None]) -> list[Exception]:
    """Eight at once credit purchases and number what waits; every third credit is rolled back."""
    start, faults = threading.Barrier(8), list[Exception]()

    def write(writer: int) -> None:
        try:
            start.wait(20)
            for turn in range(each):
                try:
                    with transaction.atomic(durable=True):
                        payments.put_into_wallet(paid_purchase(alice), at=AT)
                        stumble(at=writer + turn)
                except Stumble:
                    pass
                number(writer)
        except Exception as error:  # noqa: BLE001 - the test looks at what went wrong
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return faults


def test_eight_writers_at_once_leave_no_gap_and_no_receipt_without_a_number(
    committed: str, proof_size: int
) -> None:
    alice = factories.make_user("alice")

    def number(_writer: int) -> None:
        receipts.number_receipts(at=AT)

    faults = eight_writers(alice, each=6 * proof_size, number=number)
    receipts.number_receipts(at=AT)

    bought = Purchase.objects.filter(state=Purchase.State.CREDITED).count()
    assert faults == []
    assert bought == 8 * 6 * proof_size * 2 // 3
    assert numbers() == [("CARAT", number) for number in range(1, bought + 1)]
    assert ReceiptSeries.objects.get().last_number == bought


def test_control_without_the_series_lock_numbers_collide(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = factories.make_user("alice")
    read = threading.Barrier(8)

    def unlocked(_series: type[ReceiptSeries], seller: Seller) -> ReceiptSeries:
        found = ReceiptSeries.objects.get_or_create(seller=seller)[0]
        read.wait(20)
        return found

    for _ in range(24):
        credited(alice)
    with transaction.atomic(durable=True):
        ReceiptSeries.objects.get_or_create(seller_id="CARAT")
    monkeypatch.setattr(series, "_locked", unlocked)
    monkeypatch.setattr(receipts, "BATCH", 1)
    waiting = list(Receipt.objects.order_by("pk").values_list("purchase_id", flat=True))
    seller, faults = Seller.objects.get(), list[Exception]()

    def number(writer: int) -> None:
        try:
            receipts._number(seller=seller, at=AT, purchase_id=waiting[writer])
        except Error as error:
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=number, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert numbers() == [("CARAT", 1)]
    assert len(faults) == 7
    assert all("receipt_number_key" in str(error) for error in faults)


def test_control_a_sequence_leaves_gaps_where_a_transaction_is_rolled_back(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY SEQUENCE numbers")

    def following() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('numbers')")
            return int(cursor.fetchone()[0])

    first = following()
    with pytest.raises(Stumble), transaction.atomic():
        following()
        raise Stumble

    assert following() - first == 2


# Staff


def test_staff_see_receipts_and_set_up_sellers_with_a_reason(
    olga: User, alice: User, client: Client
) -> None:
    credited(alice)
    receipts.number_receipts(at=AT)
    client.force_login(olga)
    form = {
        "name": "Carat GmbH", "address": "Straße 1", "country": "DE", "tax_number": "DE9",
        "contact": "", "is_default": "on", "why": "Founded.",
        "regions-TOTAL_FORMS": "0", "regions-INITIAL_FORMS": "0",
    }  # fmt: skip

    listed = client.get("/admin/wallet/receipt/").content.decode()
    refused = client.post("/admin/wallet/seller/CARAT/change/", form | {"why": ""})
    saved = client.post("/admin/wallet/seller/CARAT/change/", form)

    assert "CARAT-0000001" in listed
    assert (refused.status_code, saved.status_code) == (200, 302)
    assert Seller.objects.get().name == "Carat GmbH"
    assert client.post("/admin/wallet/receipt/add/", {}).status_code == 403
    assert client.post("/admin/wallet/seller/CARAT/delete/", {"post": "yes"}).status_code == 403


def test_amounts_in_a_receipt_add_up(alice: User) -> None:
    credited(alice)
    receipts.number_receipts(at=AT)

    facts = Receipt.objects.get().facts
    assert Decimal(facts["net"]) + Decimal(facts["tax"]) == Decimal(facts["gross"])
