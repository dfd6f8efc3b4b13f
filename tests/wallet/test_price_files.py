"""Prices as a file: every change and every error by row, all or nothing, and only as shown."""

import csv
import io
import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from tests import factories
from wallet import price_files, prices, queries
from wallet.models import Price, PriceAnnouncement, Region
from wallet.price_files import Outcome

HEAD = "region,channel,what,coins,amount,currency,valid_from\n"
FILE = reverse("admin:wallet_price_file")
BOOK = reverse("admin:wallet_price_book")


@pytest.fixture
def desk(client: Client, olga: User) -> Client:
    client.force_login(olga)
    return client


def planned(olga: User, text: str, *, at: datetime, valid_from: datetime | None = None) -> Any:
    return price_files.plan(text=text, valid_from=valid_from, by_id=olga.pk, at=at)


def one(olga: User, line: str) -> price_files.Row:
    (row,) = planned(olga, HEAD + line, at=timezone.now()).rows
    return row


def test_a_file_written_out_and_read_back_changes_nothing(olga: User) -> None:
    now = timezone.now()
    text = "".join(price_files.lines_of_book(at=now))

    plan = planned(olga, text, at=now)

    assert len(plan.rows) == 15 * 9
    assert {row.outcome for row in plan.rows} == {Outcome.SAME}
    assert plan.additions == []


def test_the_book_has_what_is_in_force_and_to_come_in_the_currency_s_own_decimals(
    olga: User,
) -> None:
    now = timezone.now()
    start = now + timedelta(days=40)
    (row,) = planned(olga, f"{HEAD}DE,web,exact,100,1.30,EUR,{start.isoformat()}", at=now).rows
    assert row.price is not None
    prices.add_prices(prices=[row.price], by_id=olga.pk, at=now)

    lines = list(csv.reader(io.StringIO("".join(price_files.lines_of_book(at=now)))))

    opened = "2026-01-01T00:00:00Z"
    assert ["DE", "web", "exact", "100", "1.20", "EUR", opened] in lines
    later = start.isoformat().replace("+00:00", "Z")
    assert ["DE", "web", "exact", "100", "1.30", "EUR", later] in lines
    assert ["JP", "web", "package", "70", "123", "JPY", opened] in lines
    assert ["KW", "web", "package", "70", "0.250", "KWD", opened] in lines
    past = list(price_files.lines_of_book(at=start))
    assert not [line for line in past if line.startswith("DE,web,exact,100,1.20")]


WRONG = [
    ("XX,web,exact,100,1.20,EUR,", "There is no region 'XX'."),
    ("DE,shop,exact,100,1.20,EUR,", "The channel is one of web, app, gift_card."),
    ("DE,web,bundle,100,1.20,EUR,", "What is sold is 'package', or 'exact'"),
    ("DE,web,package,71,1.20,EUR,", "There is no package of 71 coins."),
    ("DE,web,exact,0,1.20,EUR,", "Coins are a whole number above zero"),
    ('DE,web,exact,"1,000",1.20,EUR,', "Coins are a whole number above zero"),
    ("DE,web,exact,-5,1.20,EUR,", "Coins are a whole number above zero"),
    ("DE,web,exact,١٠٠,1.20,EUR,", "Coins are a whole number above zero"),
    ("DE,web,exact,9999999999,1.20,EUR,", "Coins are a whole number above zero"),
    ('DE,web,exact,100,"1,20",EUR,', "The amount is a number such as 8.40"),
    ("DE,web,exact,100,1e3,EUR,", "The amount is a number such as 8.40"),
    ("DE,web,exact,100,NaN,EUR,", "The amount is a number such as 8.40"),
    ("DE,web,exact,100,-1.20,EUR,", "The amount is a number such as 8.40"),
    ("DE,web,exact,100,€1.20,EUR,", "The amount is a number such as 8.40"),
    ("DE,web,exact,100,0,EUR,", "The amount must be above zero."),
    ("DE,web,exact,100,1.205,EUR,", "EUR has 2 decimals."),
    ("JP,web,exact,100,175.5,JPY,", "JPY has 0 decimals."),
    ("KW,web,exact,10,0.0355,KWD,", "KWD has 3 decimals."),
    ("DE,web,exact,100,1.20,USD,", "Prices in Germany are in EUR."),
    ("DE,web,exact,100,1.10,EUR,31.01.2027", "The date is such as 2027-01-31"),
    ("DE,web,exact,100,1.10,EUR,2026-13-01", "The date is such as 2027-01-31"),
    ("DE,web,exact,100,1.10,EUR,2226-01-01", "more than five years away"),
    ("DE,web,exact,100,1.10,EUR,2026-02-01", "A price cannot begin in the past."),
    ("DE,web,exact,100,1.10,EUR,2026-01-01", "€1.20 begins already, and no price is ever edited"),
    ("DE,web,exact,100,1.30,EUR,", "30 days' notice of a higher price, and €1.20 becomes €1.30"),
    ("DE,web,exact,100,0.50,EUR,", "Germany: at €0.50 for 100 coins a coin brings in US$0.004585"),
    ("DE,web,exact,100,1.10,EUR", "It has 6 cells, and 7 are needed."),
]


@pytest.mark.parametrize(("line", "words"), WRONG)
def test_a_row_that_cannot_be_says_why(olga: User, line: str, words: str) -> None:
    row = one(olga, line)

    assert row.outcome == Outcome.WRONG
    assert words in " ".join(row.problems)


def test_a_row_says_all_that_is_wrong_with_it(olga: User) -> None:
    row = one(olga, "XX,shop,bundle,x,y,EUR,z")

    assert len(row.problems) == 6


@pytest.mark.parametrize(
    ("line", "outcome", "was"),
    [
        ("DE,web,exact,100,1.10,EUR,", Outcome.CHANGE, "€1.20"),
        ("de,WEB,Exact,100,1.10,eur,", Outcome.CHANGE, "€1.20"),
        ("DE,web,exact,50,0.60,EUR,", Outcome.SAME, "€0.60"),  # the same ratio
        ("DE,web,package,700,8.40,EUR,", Outcome.SAME, "€8.40"),
        ("DE,app,package,700,11.80,EUR,", Outcome.FIRST, None),
        ("JP,web,package,700,1200,JPY,", Outcome.CHANGE, "¥1,225"),
        ("KW,web,package,70,0.240,KWD,", Outcome.CHANGE, "KWD0.250"),
        ("'DE,web,exact,100,1.10,EUR,", Outcome.CHANGE, "€1.20"),  # as our own export quotes
    ],
)
def test_a_row_says_what_it_changes(
    olga: User, line: str, outcome: Outcome, was: str | None
) -> None:
    row = one(olga, line)

    assert (row.outcome, row.problems) == (outcome, ())
    assert str(row.was).replace("\xa0", "") == str(was)


def test_two_rows_for_the_same_moment_are_refused_by_their_numbers(olga: User) -> None:
    text = (
        f"{HEAD}DE,web,exact,100,1.10,EUR,\nUS,web,exact,70,0.70,USD,\nDE,web,exact,100,1.09,EUR,"
    )

    rows = planned(olga, text, at=timezone.now()).rows

    assert [row.outcome for row in rows] == [Outcome.CHANGE, Outcome.CHANGE, Outcome.WRONG]
    assert rows[2].problems == ["Row 2 sets the same price at the same moment."]


def test_rows_are_judged_together(olga: User) -> None:
    """A sale and its end in one file: the end would be a rise inside the notice of its own file."""
    now = timezone.now()
    end = (now + timedelta(days=7)).isoformat()
    text = f"{HEAD}DE,web,exact,100,1.10,EUR,\nDE,web,exact,100,1.20,EUR,{end}"

    rows = planned(olga, text, at=now).rows

    assert [row.outcome for row in rows] == [Outcome.CHANGE, Outcome.WRONG]
    assert "€1.10 becomes €1.20" in rows[1].problems[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The first row must name the columns"),
        ("region,amount\nDE,1", "The first row must name the columns"),
        (HEAD, "The file has no prices"),
        (HEAD + "\n\n  \n", "The file has no prices"),
        (HEAD + '"DE,web', "Line 2 is not CSV"),
        (HEAD + "DE,web,exact,100,1.20,EUR,\n" * 5001, "more than 5,000 rows"),
    ],
)
def test_what_is_no_table_of_prices_is_refused(olga: User, text: str, words: str) -> None:
    with pytest.raises(price_files.NotAPriceFile, match=words):
        planned(olga, text, at=timezone.now())


@pytest.mark.parametrize(
    "text",
    [
        HEAD.replace(",", ";") + "DE;web;exact;100;1.10;EUR;\n",
        "amount,currency,region,channel,coins,what,valid_from\r\n1.10,EUR,DE,web,100,exact,\r\n",
        "\ufeff" + HEAD + "\nDE,web,exact,100,1.10,EUR,\n\n",
    ],
)
def test_columns_are_found_by_name_whatever_program_wrote_them(olga: User, text: str) -> None:
    body = text.encode()

    (row,) = planned(olga, price_files.decoded(body), at=timezone.now()).rows

    assert row.outcome == Outcome.CHANGE


def test_a_region_whose_code_looks_like_a_formula_is_written_as_words(olga: User) -> None:
    region = Region.objects.create(code="=1+1", name="Odd", currency="USD")
    now = timezone.now()
    Price.objects.create(region=region, coins=70, amount_minor=74, currency="USD", valid_from=now)

    text = "".join(price_files.lines_of_book(at=now))

    assert "\n'=1+1,web,exact" in text.replace("\r", "")
    assert {row.outcome for row in planned(olga, text, at=now).rows} == {Outcome.SAME}


# Through the door


def seen(page: str) -> dict[str, str]:
    """The form as it comes back: the text and the sign of what was shown."""
    text = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", page, re.DOTALL)
    digest = re.search(r'name="seen" value="([0-9a-f]*)"', page)
    assert text
    assert digest
    return {"text": unescape(text[1]), "seen": digest[1]}


def upload(desk: Client, text: str | bytes) -> str:
    body = text.encode() if isinstance(text, str) else text
    return desk.post(FILE, {"file": SimpleUploadedFile("prices.csv", body)}).content.decode()


GOOD = HEAD + "DE,web,exact,100,1.10,EUR,\nUS,web,package,700,7.40,USD,\nVN,web,exact,1,320,VND,\n"


def test_an_upload_shows_every_change_and_is_applied_once_confirmed(desk: Client) -> None:
    before = Price.objects.count()

    page = upload(desk, GOOD)

    for words in (
        "€1.20 (-8.3%)",
        "₫325 (-1.5%)",
        "Prices to add</dt><dd>2",
        "as they are</dt><dd>1",
    ):
        assert words in page
    assert Price.objects.count() == before
    assert desk.post(FILE, seen(page) | {"confirm": "1"}).status_code == 302
    assert Price.objects.count() == before + 2
    rate = queries.rate_for(Region.objects.get(pk="VN"), "web", timezone.now())
    assert rate is not None
    assert (rate.amount_minor, rate.coins) == (320, 1)
    assert rate.announcement is not None
    assert PriceAnnouncement.objects.count() == 2


def test_one_wrong_row_keeps_all_out_and_is_shown_with_its_line(desk: Client) -> None:
    before = Price.objects.count()

    page = upload(desk, GOOD + "JP,web,exact,100,17.5,JPY,\n")
    refused = desk.post(FILE, seen(page) | {"confirm": "1"})

    for shown in (page, refused.content.decode()):
        assert "<td>5</td><td>Wrong</td>" in shown
        assert "JPY has 0 decimals." in shown
        assert "€1.20 (-8.3%)" in shown
        assert 'name="confirm"' not in shown
    assert Price.objects.count() == before


def test_a_book_that_moved_since_is_shown_again_and_not_changed(desk: Client, olga: User) -> None:
    page = upload(desk, GOOD)
    now = timezone.now()
    (row,) = planned(olga, HEAD + "DE,web,exact,100,1.15,EUR,", at=now).rows
    assert row.price is not None
    prices.add_prices(prices=[row.price], by_id=olga.pk, at=now)
    before = Price.objects.count()

    answer = desk.post(FILE, seen(page) | {"confirm": "1"})

    assert "The price book has changed since you looked." in answer.content.decode()
    assert Price.objects.count() == before
    again = desk.post(FILE, seen(answer.content.decode())).content.decode()
    assert "€1.15 (-4.3%)" in again
    assert desk.post(FILE, seen(again) | {"confirm": "1"}).status_code == 302
    assert Price.objects.count() == before + 2


def test_control_without_the_sign_of_what_was_shown_nothing_is_added(desk: Client) -> None:
    before = Price.objects.count()

    for forged in ({"seen": ""}, {"seen": "0" * 64}):
        answer = desk.post(FILE, {"text": GOOD, "confirm": "1"} | forged)
        assert "has changed since you looked" in answer.content.decode()

    assert Price.objects.count() == before


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"\xff\xfe\x00broken", "not text in UTF-8"),
        (b"x" * 1_000_001, "larger than a megabyte"),
        (b"", "The submitted file is empty"),
        (b"hello", "The first row must name the columns"),
    ],
)
def test_what_is_no_file_of_prices_is_refused_in_words(
    desk: Client, body: bytes, words: str
) -> None:
    assert words in upload(desk, body)


def test_a_cell_cannot_write_into_the_page(desk: Client) -> None:
    page = upload(desk, HEAD + "<script>alert(1)</script>,web,exact,100,1.20,EUR,\n")

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_book_is_handed_out_as_a_file_and_read_back(desk: Client) -> None:
    book = desk.get(BOOK)

    assert book["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in book["Content-Disposition"]
    page = upload(desk, book.content)
    assert "Prices to add</dt><dd>0" in page
    assert 'name="confirm"' not in page
    assert FILE in desk.get(reverse("admin:wallet_price_changelist")).content.decode()


def test_who_may_look_takes_the_book_and_reads_none_in(client: Client, db: None) -> None:
    auditor = factories.make_staff("aud", is_superuser=False)
    client.force_login(auditor)
    assert client.get(BOOK).status_code == 403
    auditor.user_permissions.set(Permission.objects.filter(codename="view_price"))
    before = Price.objects.count()

    assert client.get(BOOK).status_code == 200
    assert client.get(FILE).status_code == 403
    assert client.post(FILE, {"text": GOOD, "confirm": "1"}).status_code == 403
    assert Price.objects.count() == before
