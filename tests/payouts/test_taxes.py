"""Tax details: the form of one's country, numbers that can be right, secrets kept, totals exact."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Notice, User
from payouts import tax_numbers, tax_totals, taxes
from payouts.models import SettlementLine, SettlementRun, TaxExport, TaxForm, TaxProfile, form_for
from tests import factories
from tests.accounts.test_roles import make_role
from wallet import ledger

TIN = "36574261809"  # a German number with right check digits, of nobody
FORM: dict[str, Any] = {
    "legal_name": "Bob Example", "street": "Beispielweg 5", "postal_code": "10115",
    "city": "Berlin", "country": "DE", "tin": "36 574 261 809", "tin_country": "DE",
    "no_tin_why": "", "birth_place": "", "vat_id": "", "is_certified": "on",
}  # fmt: skip


def confirmed(person: User) -> Client:
    """Signed in anew for real: what allauth asks before the page opens."""
    client = Client()
    client.force_login(person)
    client.post("/accounts/reauthenticate/", {"password": factories.PASSWORD})
    return client


def form(**changes: Any) -> dict[str, Any]:
    return FORM | {"profile_id": ledger.new_operation_id()} | changes


# Forms and numbers


@pytest.mark.parametrize(
    ("country", "asked"),
    [("US", TaxForm.W9), ("DE", TaxForm.DAC7), ("NO", TaxForm.DAC7), ("GB", TaxForm.W8BEN),
     ("IN", TaxForm.W8BEN), ("", TaxForm.W8BEN)],
)  # fmt: skip
def test_the_form_follows_from_the_country(country: str, asked: TaxForm) -> None:
    assert form_for(country) == asked


@pytest.mark.parametrize(
    ("country", "written", "kept"),
    [("DE", "36 574 261 809", "36574261809"), ("US", "536-90-4399", "536904399"),
     ("GB", "1955839661", "1955839661"), ("GB", "AB 12 34 56 C", "AB123456C"),
     ("SE", "880320-0016", "8803200016"), ("IE", "1234567T", "1234567T"),
     ("FR", "0701987765493", "0701987765493"), ("BR", "390.533.447-05", "39053344705"),
     ("KW", "A-123456", "A123456")],
)  # fmt: skip
def test_a_number_is_kept_without_spaces_and_hyphens(country: str, written: str, kept: str) -> None:
    assert tax_numbers.normal(written, country=country) == kept


@pytest.mark.parametrize(
    ("country", "written"),
    [("DE", "36574261890"), ("US", "000-12-3456"), ("GB", "QQ123456C"), ("SE", "880320-0018"),
     ("IE", "1234567A"), ("BR", "390.533.447-06"), ("KW", "12"), ("KW", "=1+1+1")],
)  # fmt: skip
def test_a_number_with_a_mistake_is_refused(country: str, written: str) -> None:
    with pytest.raises(tax_numbers.UnfitNumber):
        tax_numbers.normal(written, country=country)


def test_every_country_that_has_a_rule_can_be_checked() -> None:
    for country in tax_numbers._NUMBERS:
        with pytest.raises(tax_numbers.UnfitNumber):
            tax_numbers.normal("QQQQQ", country=country)


def test_a_vat_number_is_checked_where_it_can_be() -> None:
    assert tax_numbers.normal_vat("DE 136,695 976".replace(",", ""), country="DE") == "DE136695976"
    with pytest.raises(tax_numbers.UnfitNumber):
        tax_numbers.normal_vat("DE136695978", country="DE")


# What is certified


def test_what_names_the_creator_is_encrypted_and_the_number_masked(bob: User) -> None:
    profile = factories.certify_tax(bob, legal_name="Bob Example", street="Beispielweg 5")

    with connection.cursor() as cursor:
        cursor.execute("SELECT payouts_taxprofile::text FROM payouts_taxprofile")
        row = cursor.fetchone()[0]
    for secret in (TIN, "Beispielweg", "Example"):
        assert secret not in row
        assert secret.encode().hex() not in row
    assert profile.masked == "•••• 1809"
    assert profile.opened()["tin"] == TIN
    assert profile.opened()["birth_date"] == "1990-05-17"
    told = Notice.objects.get(user=bob)
    assert (told.title, told.email_due) == ("Your tax details were changed", True)
    assert TIN not in told.body


def test_a_change_is_a_new_row_and_the_same_form_twice_is_one(bob: User) -> None:
    first = factories.certify_tax(bob)
    again = taxes.certify(
        profile_id=first.pk,
        creator=bob,
        declared=taxes.Declared(form="dac7", legal_name="X", street="", city="", postal_code="",
                                country="DE"),
        is_certified=True,
        at=timezone.now(),
    )  # fmt: skip
    second = factories.certify_tax(bob)

    first.refresh_from_db()
    assert again.pk == first.pk
    assert first.replaced_at is not None
    assert list(TaxProfile.objects.filter(replaced_at=None)) == [second]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [({"form": "w8ben"}, taxes.WrongForm), ({"tin": ""}, taxes.NumberMissing),
     ({"tin": "36574261890"}, tax_numbers.UnfitNumber)],
)  # fmt: skip
def test_what_is_not_right_is_not_kept(
    bob: User, changes: dict[str, str], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        factories.certify_tax(bob, **changes)

    assert not TaxProfile.objects.exists()


def test_a_form_holds_for_three_years_to_the_day(bob: User) -> None:
    leap = datetime(2028, 2, 29, 12, tzinfo=UTC)

    profile = taxes.certify(
        profile_id=ledger.new_operation_id(),
        creator=bob,
        declared=taxes.Declared(
            form="dac7", legal_name="Bob", street="1", city="B", postal_code="1", country="DE",
            tin=TIN, tin_country="DE",
        ),
        is_certified=True,
        at=leap,
    )  # fmt: skip

    assert profile.valid_until == datetime(2031, 3, 1, 12, tzinfo=UTC)
    assert profile.is_valid(profile.valid_until - timedelta(microseconds=1))
    assert not profile.is_valid(profile.valid_until)


# The page


def test_a_creator_certifies_on_the_page_after_signing_in_anew(bob: User) -> None:
    bare = Client()
    bare.force_login(bob)
    turned_away = bare.post("/studio/tax/", form())
    assert not TaxProfile.objects.exists()

    done = confirmed(bob).post("/studio/tax/", form())

    assert "reauthenticate" in turned_away["Location"]
    assert done["Location"] == "/studio/"
    kept = TaxProfile.objects.get()
    assert (kept.form, kept.tin_country, kept.tin_ending) == ("dac7", "DE", "1809")
    assert kept.statement == taxes.STATEMENTS[TaxForm.DAC7]


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"tin": "36574261890"}, "tin"), ({"tin": ""}, "tin"), ({"is_certified": ""}, "is_certified"),
     ({"country": "US"}, "country"), ({"vat_id": "DE1"}, "vat_id"),
     ({"tin": "", "no_tin_why": "not_issued"}, "birth_place")],
)  # fmt: skip
def test_what_is_wrong_is_said_beside_its_field(
    bob: User, changes: dict[str, str], field: str
) -> None:
    answer = confirmed(bob).post("/studio/tax/", form(**changes))

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not TaxProfile.objects.exists()


def test_a_us_person_abroad_is_offered_a_w9(bob: User) -> None:
    client = confirmed(bob)
    given = form(tin="536-90-4399", state="OR", country="US", city="Portland")

    page = client.get("/studio/tax/").content.decode()
    client.post("/studio/tax/?form=w9", given)

    assert 'href="?form=w9"' in page
    kept = TaxProfile.objects.get()
    assert (kept.form, kept.country, kept.tin_country) == ("w9", "US", "US")


def test_the_number_is_never_shown_whole_again(bob: User, olga: User) -> None:
    profile = factories.certify_tax(bob)
    staff = Client()
    staff.force_login(olga)

    shown = [
        confirmed(bob).get("/studio/tax/").content.decode(),
        staff.get("/admin/payouts/taxprofile/").content.decode(),
        staff.get(f"/admin/payouts/taxprofile/{profile.pk}/change/").content.decode(),
    ]

    for page in shown:
        assert "•••• 1809" in page
        assert TIN not in page


# Yearly totals


def line(
    run: SettlementRun, creator: User, at: datetime, minor: int, *, card: int, currency: str = "EUR"
) -> None:
    SettlementLine.objects.create(
        id=ledger.new_operation_id(), run=run, creator=creator, card_id=card,
        diamonds_milli=1000, diamond_usd=Decimal("0.005"), currency=currency,
        fx_per_usd=Decimal("0.9"), fx_source="test", fx_quoted_at=at, amount_minor=minor,
        remainder_minor=0, settled_at=at,
    )  # fmt: skip


@pytest.fixture
def year(bob: User) -> User:
    """Bob's 2026: two quarters at their very edges, and a line of each year beside it."""
    run = SettlementRun.objects.create(
        id=ledger.new_operation_id(), period_key="2026-W01", cutoff_at=timezone.now()
    )
    moments = (
        (datetime(2025, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), 1),
        (datetime(2026, 1, 1, tzinfo=UTC), 10_00),
        (datetime(2026, 3, 31, 23, 59, 59, 999999, tzinfo=UTC), 20_00),
        (datetime(2026, 4, 1, tzinfo=UTC), 40_00),
        (datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), 80_05),
        (datetime(2027, 1, 1, tzinfo=UTC), 2),
    )
    for card, (at, minor) in enumerate(moments):
        line(run, bob, at, minor, card=card)
    line(run, bob, datetime(2026, 7, 4, tzinfo=UTC), 500, card=99, currency="JPY")
    return bob


def exported(year: int, country: str) -> list[dict[str, str]]:
    lines = tax_totals.csv_lines(year=year, country=country, at=timezone.now())
    return list(csv.DictReader(io.StringIO("".join(lines))))


def test_quarters_are_those_of_utc_to_the_microsecond(year: User) -> None:
    rows = {row.currency: row for row in tax_totals.totals(year=2026, creator_ids=[year.pk])}

    euro, yen = rows["EUR"], rows["JPY"]
    assert [(q.amount_minor, q.lines) for q in euro.quarters] == [
        (3000, 2), (4000, 1), (0, 0), (8005, 1),
    ]  # fmt: skip
    assert (euro.amount_minor, euro.lines) == (15005, 4)
    assert [(q.amount_minor, q.lines) for q in yen.quarters] == [(0, 0), (0, 0), (500, 1), (0, 0)]


def test_the_file_has_all_of_a_country_with_and_without_a_form(year: User) -> None:
    bare = exported(2026, "DE")
    factories.certify_tax(year, legal_name="Bob Example")
    rows = exported(2026, "DE")

    assert [row["form"] for row in bare] == ["no form", "no form"]
    euro = rows[0]
    assert (euro["handle"], euro["legal name"], euro["tax number"]) == ("bob", "Bob Example", TIN)
    assert (euro["valid"], euro["birth date"]) == ("yes", "1990-05-17")
    assert (euro["Q1 amount"], euro["Q1 settlement lines"]) == ("30.00", "2")
    assert (euro["year amount"], euro["year settlement lines"]) == ("150.05", "4")
    assert (rows[1]["currency"], rows[1]["year amount"]) == ("JPY", "500")
    assert exported(2026, "FR") == []
    assert tax_totals.countries_of(2026) == ["DE"]


def test_nothing_in_the_file_is_a_formula(year: User) -> None:
    factories.certify_tax(year, legal_name="=HYPERLINK(1)", street="@SUM(1)", city="+49 x")

    row = exported(2026, "DE")[0]

    assert (row["legal name"], row["street"], row["city"]) == (
        "'=HYPERLINK(1)", "'@SUM(1)", "'+49 x",
    )  # fmt: skip


def test_a_batch_at_a_time_gives_every_creator_once(
    year: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tax_totals, "BATCH", 2)
    run = SettlementRun.objects.get()
    others = [factories.make_creator(f"c{number}") for number in range(4)]
    for other in others:
        line(run, other, datetime(2026, 5, 5, tzinfo=UTC), 100, card=1)

    handles = [row["handle"] for row in exported(2026, "DE")]

    assert handles == ["bob", "bob", "c0", "c1", "c2", "c3"]


def test_finance_saves_the_file_and_that_is_written_down(year: User, client: Client) -> None:
    address, asked = "/admin/payouts/taxprofile/totals/", {"year": "2026", "country": "DE"}
    client.force_login(make_role("rita", "risk"))
    refused = client.post(address, asked)
    assert not TaxExport.objects.exists()
    fred = make_role("fred", "finance")
    client.force_login(fred)

    shown = client.get(f"{address}?year=2026").content.decode()
    answer = client.post(address, asked)
    body = answer.getvalue().decode()

    assert refused.status_code == 403
    assert "€150.05" in shown
    assert answer["Content-Disposition"] == 'attachment; filename="earnings-2026-DE.csv"'
    assert body.count("\r\n") == 3
    noted = TaxExport.objects.get()
    assert (noted.by_id, noted.year, noted.country) == (fred.pk, 2026, "DE")
