"""Exchange rates: typed or read from the European Central Bank's files, crossed exactly, and those
that jump seen by two people."""

import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import StateChange, User
from tests import factories
from wallet import ecb, exchange, queries
from wallet.models import FxRate, WaitingRate

TODAY = datetime(2026, 11, 20, 18, tzinfo=UTC)
QUOTED = datetime(2026, 11, 20, 13, 10, tzinfo=UTC)  # 14:10 in Frankfurt, in winter
# As the table opens: so that nothing of these jumps.
RATES = {"USD": "1.1111", "JPY": "163.91", "GBP": "0.8400", "KRW": "1532.10", "MXN": "20.4120"}
# Units for a euro over dollars for a euro, eight places, halves to the even digit.
CROSSED = {
    "EUR": "0.90000900", "JPY": "147.52047520", "GBP": "0.75600756", "KRW": "1378.90378904",
    "MXN": "18.37098371",
}  # fmt: skip


def xml(days: dict[str, dict[str, str]], *, sender: str = "European Central Bank") -> bytes:
    cubes = "".join(
        f"<Cube time='{on}'>"
        + "".join(f"<Cube currency='{code}' rate='{rate}'/>" for code, rate in rates.items())
        + "</Cube>"
        for on, rates in days.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" '
        'xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">'
        "<gesmes:subject>Reference rates</gesmes:subject>"
        f"<gesmes:Sender><gesmes:name>{sender}</gesmes:name></gesmes:Sender>"
        f"<Cube>{cubes}</Cube></gesmes:Envelope>"
    ).encode()


DAILY = xml({"2026-11-20": RATES})
CSV = (
    "Date, " + ", ".join(RATES) + ", \n20 November 2026, " + ", ".join(RATES.values()) + ", \n"
).encode()


def zipped(*files: tuple[str, bytes]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return body.getvalue()


@pytest.fixture
def table(db: None) -> dict[str, Decimal]:
    """The rates there were the day before: what the file's are compared with."""
    FxRate.objects.all().delete()
    known = {"EUR": "0.9", "JPY": "147.5", "GBP": "0.756", "KRW": "1379", "MXN": "18.4"}
    for code, per_usd in known.items():
        FxRate.objects.create(
            currency=code, per_usd=per_usd, quoted_at=TODAY - timedelta(days=1), source="Table"
        )
    return {code: Decimal(per_usd) for code, per_usd in known.items()}


def rows(**of: Any) -> dict[str, Decimal]:
    found = FxRate.objects.filter(**of).order_by("currency")
    return dict(found.values_list("currency", "per_usd"))


@pytest.mark.parametrize("content", [DAILY, CSV, b"\xef\xbb\xbf" + CSV, zipped(("e.csv", CSV))])
def test_each_form_of_the_day_s_file_gives_the_same_rates_crossed_to_the_dollar(
    table: dict[str, Decimal], content: bytes
) -> None:
    plan = exchange.import_file(content=content, at=TODAY)

    expected = {code: Decimal(rate) for code, rate in CROSSED.items()}
    assert (len(plan.added), plan.waiting, plan.known) == (5, [], 0)
    assert rows(quoted_at=QUOTED) == expected
    assert rows(quoted_at=QUOTED, source="European Central Bank") == expected
    rate = queries.fx(currency="JPY", at=TODAY)
    assert (rate.per_usd, rate.source, rate.quoted_at) == (
        Decimal("147.52047520"),
        "European Central Bank",
        QUOTED,
    )


@pytest.mark.parametrize(
    ("usd", "other", "per_usd"),
    [
        ("1", "0.123456785", "0.12345678"),  # a half goes to the even digit
        ("1", "0.123456775", "0.12345678"),
        ("3", "1", "0.33333333"),
        ("3", "2", "0.66666667"),
        ("1.0412", "161.06", "154.68690"),
    ],
)
def test_the_one_rounding_is_to_eight_places_halves_to_the_even_digit(
    usd: str, other: str, per_usd: str
) -> None:
    day = ecb.Day(date(2026, 11, 20), {"USD": Decimal(usd), "JPY": Decimal(other)})

    assert abs(day.per_usd["JPY"] - Decimal(per_usd)) < Decimal("0.00001")
    if len(per_usd) == 10:
        assert day.per_usd["JPY"] == Decimal(per_usd)
    assert set(day.per_usd) == {"EUR", "JPY"}


def test_a_rate_is_of_ten_past_two_in_frankfurt_summer_and_winter() -> None:
    days = ecb.read(xml({"2026-07-01": RATES, "2026-11-20": RATES}))

    assert [day.quoted_at for day in days] == [datetime(2026, 7, 1, 12, 10, tzinfo=UTC), QUOTED]


def test_the_same_file_again_adds_nothing(table: dict[str, Decimal]) -> None:
    exchange.import_file(content=DAILY, at=TODAY)
    before = FxRate.objects.count()

    again = exchange.import_file(content=CSV, at=TODAY + timedelta(hours=1))

    assert (again.added, again.waiting, again.known) == ([], [], 5)
    assert FxRate.objects.count() == before
    assert not WaitingRate.objects.exists()


def test_ninety_days_are_read_and_each_is_compared_with_the_day_before(
    table: dict[str, Decimal],
) -> None:
    FxRate.objects.all().delete()
    start = date(2026, 8, 20)
    slow = {
        f"{start + timedelta(days=day)}": RATES | {"JPY": f"{100 * 1.01**day:.4f}"}
        for day in range(90)
    }  # twice as much after 90 days, one percent a day

    plan = exchange.import_file(content=xml(slow), at=TODAY)

    assert (plan.days, len(plan.added), plan.waiting) == (90, 450, [])


def test_currencies_the_file_lacks_keep_the_table_s_and_the_plan_names_their_age(
    table: dict[str, Decimal],
) -> None:
    FxRate.objects.create(
        currency="VND", per_usd=25_400, quoted_at=TODAY - timedelta(days=9), source="Typed"
    )

    plan = exchange.import_file(content=DAILY, at=TODAY)

    lacking = {code: rate and rate.source for code, rate in plan.lacking.items()}
    assert lacking["VND"] == "Typed"
    assert lacking["KWD"] is None
    assert not {"EUR", "JPY", "USD"} & set(lacking)
    assert exchange.is_stale(plan.lacking["VND"], at=TODAY)
    assert exchange.is_stale(plan.lacking["KWD"], at=TODAY)
    assert rows(currency="VND") == {"VND": Decimal(25_400)}


def test_currencies_that_we_do_not_use_are_passed_over(table: dict[str, Decimal]) -> None:
    plan = exchange.import_file(content=xml({"2026-11-20": RATES | {"ISK": "145.1"}}), at=TODAY)

    assert len(plan.added) == 5
    assert not FxRate.objects.filter(currency="ISK").exists()


def test_a_rate_that_jumps_waits_while_the_others_are_used(
    table: dict[str, Decimal], olga: User
) -> None:
    content = xml({"2026-11-20": RATES | {"KRW": "1800"}})

    plan = exchange.import_file(content=content, at=TODAY, by_id=olga.pk)

    (waiting,) = WaitingRate.objects.all()
    assert (len(plan.added), [rate.currency for rate in plan.waiting]) == (4, ["KRW"])
    assert (waiting.currency, waiting.per_usd, waiting.before_per_usd) == (
        "KRW",
        Decimal("1620.01620016"),
        Decimal(1379),
    )
    assert (waiting.state, waiting.proposed_by, waiting.decided_by) == ("waiting", olga, None)
    assert queries.fx(currency="KRW", at=TODAY).source == "Table"
    exchange.import_file(content=content, at=TODAY)
    assert WaitingRate.objects.count() == 1


@pytest.mark.parametrize(
    ("krw", "waits"), [("1685.39", 0), ("1685.5", 1), ("1379", 0), ("1378.8", 1)]
)
def test_the_share_from_which_a_rate_waits_counts_both_ways(
    table: dict[str, Decimal], krw: str, waits: int
) -> None:
    """10 % of 1,379 won are 137.9; a euro is 1.1111 dollars."""
    exchange.import_file(content=xml({"2026-11-20": RATES | {"KRW": krw}}), at=TODAY)

    assert WaitingRate.objects.count() == waits


def test_control_with_a_wider_share_the_same_jump_is_used_at_once(
    table: dict[str, Decimal], settings: Any
) -> None:
    settings.FX_JUMP_MAX_BPS = 5000

    exchange.import_file(content=xml({"2026-11-20": RATES | {"KRW": "1800"}}), at=TODAY)

    assert queries.fx(currency="KRW", at=TODAY).per_usd == Decimal("1620.01620016")


def test_a_second_person_lets_it_be_used_and_the_first_cannot(
    table: dict[str, Decimal], olga: User
) -> None:
    paul = factories.make_user("paul", is_staff=True)
    jump = xml({"2026-11-20": RATES | {"KRW": "1800"}})
    exchange.import_file(content=jump, at=TODAY, by_id=olga.pk)
    waiting = WaitingRate.objects.get()
    facts: dict[str, Any] = {"waiting_id": waiting.pk, "is_accepted": True, "at": TODAY}

    with pytest.raises(exchange.FxSamePerson):
        exchange.decide(**facts, by_id=olga.pk)
    assert queries.fx(currency="KRW", at=TODAY).source == "Table"
    done = exchange.decide(**facts, by_id=paul.pk)

    assert (done.state, done.decided_by) == ("used", paul)
    assert queries.fx(currency="KRW", at=TODAY).per_usd == Decimal("1620.01620016")
    change = StateChange.objects.get(subject_type="wallet.waitingrate")
    assert (change.before, change.after, change.by) == ("waiting", "used", paul)
    with pytest.raises(exchange.FxDecided):
        exchange.decide(**facts, by_id=paul.pk)
    again = exchange.import_file(content=jump, at=TODAY)
    assert (again.known, again.rates) == (5, [])


def test_a_rejected_rate_is_not_used_and_does_not_come_back(
    table: dict[str, Decimal], olga: User
) -> None:
    jump = xml({"2026-11-20": RATES | {"KRW": "1800"}})
    exchange.import_file(content=jump, at=TODAY)  # by the command

    exchange.decide(
        waiting_id=WaitingRate.objects.get().pk, is_accepted=False, by_id=olga.pk, at=TODAY
    )
    exchange.import_file(content=jump, at=TODAY)

    assert WaitingRate.objects.get().state == "rejected"
    assert queries.fx(currency="KRW", at=TODAY).source == "Table"


def test_the_database_refuses_one_person_and_a_decision_of_nobody(olga: User) -> None:
    facts = {"currency": "KRW", "per_usd": 2, "before_per_usd": 1, "quoted_at": QUOTED}

    with pytest.raises(IntegrityError, match="waiting_rate_two_people"), transaction.atomic():
        WaitingRate.objects.create(**facts, state="used", proposed_by=olga, decided_by=olga)
    with pytest.raises(IntegrityError, match="waiting_rate_decided"), transaction.atomic():
        WaitingRate.objects.create(**facts, state="used")
    assert not WaitingRate.objects.exists()


def test_a_file_that_contradicts_a_rate_of_ours_is_refused_whole(
    table: dict[str, Decimal],
) -> None:
    exchange.import_file(content=DAILY, at=TODAY)
    before = FxRate.objects.count()

    with pytest.raises(exchange.FxDateTaken, match=r"JPY .* 20 November 2026, and we have 147\.5"):
        exchange.import_file(
            content=xml({"2026-11-19": RATES, "2026-11-20": RATES | {"JPY": "163.92"}}), at=TODAY
        )

    assert FxRate.objects.count() == before


def test_a_file_of_the_future_is_refused(table: dict[str, Decimal]) -> None:
    with pytest.raises(exchange.FxInTheFuture):
        exchange.import_file(content=xml({"2026-11-21": RATES}), at=TODAY)

    assert FxRate.objects.count() == 5


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    + DAILY.split(b"?>\n", 1)[1].replace(b"Reference rates", b"&b;")
)
OUTSIDE = DAILY.replace(
    b"?>\n", b'?>\n<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>', 1
).replace(b"Reference rates", b"&x;")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "first line|must have 1 to"),
        (b"\x00\x01\xff\xfe", "neither XML nor CSV"),
        (b"<html></html>", "does not name the European Central Bank"),
        (xml({"2026-11-20": RATES}, sender="Eve"), "does not name the European Central Bank"),
        (DAILY[:-20], "no XML that can be read"),
        (BOMB, "declares entities"),
        (OUTSIDE, "declares entities"),
        (xml({}), "1 to 100 different days"),
        (xml({"2026-11-20": RATES}).replace(b"</Cube></Cube>", b"</Cube><Cube time='2026-11-20'>"
             b"<Cube currency='USD' rate='1'/></Cube></Cube>"), "different days"),
        (xml({"2026-11-20": {"JPY": "160"}}), "must have the US dollar"),
        (xml({"2026-11-20": RATES | {"EUR": "1"}}), "each currency once"),
        (xml({"2026-11-20": RATES | {"JPY": "-1"}}), "is not a rate"),
        (xml({"2026-11-20": RATES | {"JPY": "0"}}), "is not a rate"),
        (xml({"2026-11-20": RATES | {"JPY": "1e5"}}), "is not a rate"),
        (xml({"2026-11-20": RATES | {"JPY": "NaN"}}), "is not a rate"),
        (xml({"2026-11-20": RATES | {"JPY": "١٢"}}), "is not a rate"),
        (xml({"2026-11-20": RATES | {"=cmd|": "1"}}), "is not a rate"),
        (xml({"20.11.2026": RATES}), "not a date"),
        (xml({"1998-12-31": RATES}), "not a date"),
        (b"Day,USD\n2026-11-20,1\n", "first line"),
        (b"Date,USD,JPY\n2026-11-20,1\n", "shorter or longer"),
        (b"Date,USD,USD\n2026-11-20,1,2\n", "each currency once"),
        (b'Date,USD\n"2026-11-20,1', "neither XML nor CSV"),
        (b"x" * (ecb.BYTES_MAX + 1), "too large"),
        (b"PK\x03\x04nonsense", "one file"),
        (zipped(("a.csv", CSV), ("b.csv", CSV)), "one file"),
        (zipped(("a.csv", b"0" * (ecb.BYTES_MAX + 1))), "too large"),
    ],
)  # fmt: skip
def test_what_is_none_of_the_bank_s_files_is_refused_and_nothing_is_added(
    table: dict[str, Decimal], content: bytes, words: str
) -> None:
    with pytest.raises(ecb.NotAnEcbFile, match=words):
        exchange.import_file(content=content, at=TODAY)

    assert FxRate.objects.count() == 5
    assert not WaitingRate.objects.exists()


def test_days_without_a_rate_are_passed_over_in_the_long_csv() -> None:
    days = ecb.read(b"Date,USD,JPY,RUB,\n2026-11-20,1.1,160,N/A,\n2026-11-19,1.2,161,,\n")

    assert [(day.on.day, sorted(day.per_euro)) for day in days] == [
        (19, ["JPY", "USD"]),
        (20, ["JPY", "USD"]),
    ]


# Typed


def test_typed_rates_are_added_together_or_not_at_all(olga: User) -> None:
    now = timezone.now()
    rates = {"EUR": Decimal("0.91"), "VND": Decimal(25_500)}

    exchange.add_fx_rates(per_usd=rates, quoted_at=now, source="A bank", at=now, by_id=olga.pk)

    assert queries.fx(currency="EUR", at=now).per_usd == Decimal("0.91")
    assert queries.fx(currency="VND", at=now).source == "A bank"
    before = FxRate.objects.count()
    with pytest.raises(exchange.FxDateTaken, match="VND"):
        exchange.add_fx_rates(
            per_usd={"KWD": Decimal("0.31"), "VND": Decimal(25_600)},
            quoted_at=now, source="A bank", at=now, by_id=olga.pk,
        )  # fmt: skip
    assert FxRate.objects.count() == before


def test_a_typed_slip_of_the_point_waits_for_a_second_person(olga: User) -> None:
    now = timezone.now()
    before = FxRate.objects.count()

    plan = exchange.add_fx_rates(
        per_usd={"EUR": Decimal("9.1")}, quoted_at=now, source="A bank", at=now, by_id=olga.pk
    )

    assert (plan.added, [rate.currency for rate in plan.waiting]) == ([], ["EUR"])
    assert FxRate.objects.count() == before
    assert WaitingRate.objects.get().proposed_by == olga


@pytest.mark.parametrize(
    "bad",
    [
        {"EUR": Decimal(0)},
        {"EUR": Decimal(-1)},
        {"XXX": Decimal(1)},  # ISO 4217's code of no currency
        {"EUR": Decimal(10) ** 10},
    ],
)
def test_a_rate_that_is_none_is_refused(olga: User, bad: dict[str, Decimal]) -> None:
    now = timezone.now()
    before = FxRate.objects.count()
    facts: dict[str, Any] = {"source": "x", "at": now, "by_id": olga.pk}

    with pytest.raises(exchange.FxUnknown):
        exchange.add_fx_rates(per_usd=bad, quoted_at=now, **facts)
    with pytest.raises(exchange.FxInTheFuture):
        exchange.add_fx_rates(
            per_usd={"EUR": Decimal("0.9")}, quoted_at=now + timedelta(hours=1), **facts
        )

    assert FxRate.objects.count() == before


# Doors


def page(name: str, *arguments: Any) -> str:
    return reverse(f"admin:wallet_{name}", args=arguments)


def test_the_desk_shows_what_a_file_would_do_and_then_does_it(
    table: dict[str, Decimal], olga: User, client: Client
) -> None:
    client.force_login(olga)
    today = timezone.now().date()
    body = xml({f"{today - timedelta(days=1)}": RATES | {"KRW": "1800"}})
    FxRate.objects.update(quoted_at=timezone.now() - timedelta(days=4))
    file = SimpleUploadedFile("eurofxref-daily.xml", body)

    shown = client.post(page("fxrate_file"), {"file": file})
    said = shown.content.decode()
    before = FxRate.objects.count()
    done = client.post(
        page("fxrate_file"), {"content": shown.context["form"].data["content"], "confirm": "1"}
    )

    assert "Waits for a second person" in said
    assert "VND is not in the file" in said
    assert "Our latest: none. This is too old: type a newer one." in said
    assert "17.48 %" in said
    assert (before, FxRate.objects.count(), done.status_code) == (5, 9, 302)
    assert WaitingRate.objects.get().proposed_by == olga


def test_the_desk_refuses_a_hostile_file_in_words(olga: User, client: Client) -> None:
    client.force_login(olga)

    for given in ({"file": SimpleUploadedFile("x.xml", BOMB)}, {"content": "%%%"}, {}):
        answer = client.post(page("fxrate_file"), given | {"confirm": "1"})
        assert answer.status_code == 200
        assert "Nothing was done" in answer.content.decode()

    assert not WaitingRate.objects.exists()


def test_the_desk_lets_another_person_decide(
    table: dict[str, Decimal], olga: User, client: Client
) -> None:
    paul = factories.make_user("paul", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=paul, type=Authenticator.Type.TOTP, data={"secret": "x"})
    exchange.import_file(
        content=xml({"2026-11-20": RATES | {"KRW": "1800"}}), at=TODAY, by_id=paul.pk
    )
    waiting = WaitingRate.objects.get()
    form = {"action": "use", "_selected_action": [str(waiting.pk)]}
    own = Client()
    own.force_login(paul)
    client.force_login(olga)

    refused = own.post(page("waitingrate_changelist"), form, follow=True).content.decode()
    used = client.post(page("waitingrate_changelist"), form, follow=True).content.decode()

    assert "You entered this rate" in refused
    assert "1 USD = 1620.01620016 KRW: used." in used
    assert FxRate.objects.get(currency="KRW", quoted_at=QUOTED).per_usd == Decimal("1620.01620016")


def test_the_command_reads_files_and_exits_with_1_while_somebody_is_needed(
    table: dict[str, Decimal], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FxRate.objects.update(quoted_at=timezone.now() - timedelta(days=3))
    yesterday = timezone.now().date() - timedelta(days=1)
    good, bad = tmp_path / "eurofxref.xml", tmp_path / "bad.xml"
    good.write_bytes(xml({f"{yesterday}": RATES}))
    bad.write_bytes(BOMB)

    with pytest.raises(SystemExit):  # currencies that it lacks are not in the table at all
        call_command("import_fx", good, bad)

    said = capsys.readouterr().out
    assert "eurofxref.xml: 5 rates added, 0 known, 0 wait for a second person." in said
    assert "Not in the file, and too old in the table: AED, AUD, BRL" in said
    assert "bad.xml: The file declares entities or a document type. Nothing was read." in said
    for code in ("AED", "AUD", "BRL", "CAD", "CHF", "INR", "KES", "KWD", "PEN", "VND"):
        FxRate.objects.create(currency=code, per_usd=1, quoted_at=timezone.now(), source="Typed")
    call_command("import_fx", good)
    assert "0 rates added, 5 known" in capsys.readouterr().out


def test_a_rate_that_is_too_old_says_which_and_what_to_do(db: None) -> None:
    FxRate.objects.filter(currency="VND").delete()
    with pytest.raises(queries.FxMissing) as missing:
        queries.fx(currency="VND", at=TODAY)
    FxRate.objects.create(
        currency="VND", per_usd=1, quoted_at=TODAY - timedelta(hours=97), source="Typed"
    )
    with pytest.raises(queries.FxStale) as stale:
        queries.fx(currency="VND", at=TODAY)

    assert str(missing.value) == ("There is no exchange rate for VND. Our staff have to add one.")
    assert str(stale.value) == (
        "The latest exchange rate for VND is of 16 November 2026, and none is used after 96 hours. "
        "Our staff have to add a newer one."
    )
