"""SEPA files: valid by the schema whatever people are called, the same bytes each time, and read
back without trusting them.
"""

import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as some
from sepaxml import SepaTransfer

from payouts.rails import sepa

ALLOWED = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]{1,70}")
AT = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
DEBTOR = sepa.Debtor(name="Carat Payments", iban="DE89370400440532013000", bic="COBADEFFXXX")


def line(number: int = 1, *, name: str = "Bob Baker", amount_minor: int = 1800) -> sepa.Line:
    return sepa.Line(
        end_to_end_id=f"{number:032x}",
        amount_minor=amount_minor,
        iban="DE02120300000000202051",
        bic="BYLADEM1001",
        name=name,
    )


def order(*lines: sepa.Line) -> sepa.Order:
    return sepa.Order(
        message_id="01932f4ba8f07c3a9d1e5f60718293a4",
        made_at=AT,
        execution_date=date(2026, 11, 23),
        debtor=DEBTOR,
        text="Carat payout",
        lines=lines or (line(),),
    )


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Łukasz Żółć", "Lukasz Zolc"),
        ("Jürgen Größe", "Jurgen Grosse"),
        ("Rosa & Töchter", "Rosa + Tochter"),
        ("Bob 🎹 Baker", "Bob Baker"),
        ("天野", "Tian Ye"),
        ("//Slash//Name/", "Slash/Name"),
        ("O'Neil <b>", "O'Neil b"),
        ("x" * 70, "x" * 70),
        ("ß" * 70, "s" * 70),
        ("🎹", ""),
    ],
)
def test_a_name_is_written_in_the_signs_of_sepa(name: str, written: str) -> None:
    assert sepa.latin(name, length=70) == written


@given(name=some.text(max_size=200))
@example(name="Łukasz")
@example(name="&")
@example(name="🎹🎹")
@example(name="/" * 80)
@example(name="x" * 69 + " y")
@examples(max_examples=200)
def test_any_name_becomes_signs_of_sepa_or_nothing(name: str) -> None:
    written = sepa.latin(name, length=sepa.NAME_LENGTH)

    assert not written or ALLOWED.fullmatch(written)
    assert "//" not in written
    assert written == written.strip().strip("/")
    assert sepa.latin(written, length=sepa.NAME_LENGTH) == written


@given(
    names=some.lists(some.text(max_size=120), min_size=1, max_size=3),
    amount_minor=some.integers(min_value=1, max_value=sepa.AMOUNT_MINOR_MAX),
)
@example(names=["Łukasz", "Bob & Söhne", "🎹"], amount_minor=1)
@example(names=["x" * 70], amount_minor=sepa.AMOUNT_MINOR_MAX)
@examples(max_examples=60)
def test_every_file_is_valid_by_the_schema_and_says_what_was_asked(
    names: list[str], amount_minor: int
) -> None:
    lines = [
        line(number, name=sepa.latin(name, length=70) or "Bob", amount_minor=amount_minor)
        for number, name in enumerate(names, start=1)
    ]

    written = sepa.write(order(*lines))  # raises when the schema does not allow it

    count, total, found = sepa.read_order(written)
    assert (count, total, found) == (len(lines), amount_minor * len(lines), lines)


def test_control_the_schema_refuses_a_name_that_was_not_written_for_it() -> None:
    with pytest.raises(Exception, match=r"maxLength|minLength"):
        sepa.write(order(line(name="")))
    with pytest.raises(Exception, match="maxLength"):
        sepa.write(order(line(name="x" * 141)))


def test_a_thousand_exports_are_the_same_bytes() -> None:
    asked = order(line(1), line(2, name="Łukasz", amount_minor=5))
    first = sepa.write(asked)

    written = {_unchecked(asked) for _ in range(999)}

    assert written == {first}


def test_control_sepaxml_alone_never_writes_the_same_twice() -> None:
    asked = order()
    config = {"name": "x", "IBAN": DEBTOR.iban, "BIC": DEBTOR.bic, "batch": True, "currency": "EUR"}

    def alone() -> bytes:
        file = SepaTransfer(dict(config), schema=sepa.SCHEMA, clean=False)
        one = asked.lines[0]
        file.add_payment(
            {
                "name": one.name, "IBAN": one.iban, "amount": one.amount_minor,
                "description": "x", "execution_date": asked.execution_date,
            }
        )  # fmt: skip
        written: bytes = file.export(validate=False)
        return written

    assert alone() != alone()


def test_the_files_name_time_day_and_parts_are_the_orders() -> None:
    written = sepa.write(order()).decode()

    assert "<MsgId>01932f4ba8f07c3a9d1e5f60718293a4</MsgId>" in written
    assert "<PmtInfId>01932f4ba8f07c3a9d1e5f60718293a4</PmtInfId>" in written
    assert "<CreDtTm>2026-11-20T17:30:00Z</CreDtTm>" in written
    assert "<ReqdExctnDt><Dt>2026-11-23</Dt></ReqdExctnDt>" in written
    assert '<InstdAmt Ccy="EUR">18.00</InstdAmt>' in written


def _unchecked(asked: sepa.Order) -> bytes:
    """As ``write``, without the schema, which takes its time and changes nothing."""
    file = sepa._File(asked)
    for one in asked.lines:
        file.add_payment(sepa._payment(one, order=asked))
    written: bytes = file.export(validate=False)
    return written


# --- What the bank writes -----------------------------------------------------------------------

STATUS = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>
<GrpHdr><MsgId>S1</MsgId></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>M1</OrgnlMsgId>{group}</OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>M1</OrgnlPmtInfId>{part}{lines}</OrgnlPmtInfAndSts>
</CstmrPmtStsRpt></Document>"""
ONE = """<TxInfAndSts><OrgnlEndToEndId>E1</OrgnlEndToEndId><TxSts>RJCT</TxSts>
<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf>
<OrgnlTxRef><Amt><InstdAmt Ccy="EUR">18.5</InstdAmt></Amt></OrgnlTxRef></TxInfAndSts>"""


def status(*, group: str = "", part: str = "", lines: str = "") -> bytes:
    return STATUS.format(group=group, part=part, lines=lines).encode()


def test_a_status_is_read_with_its_reason_and_amount() -> None:
    report = sepa.read_report(status(lines=ONE))

    assert (report.kind, report.message_id) == ("pain.002", "S1")
    assert report.said == (
        sepa.Said(
            reference="E1", batch_ref="M1", status="RJCT", reason="AC04", amount_minor=1850,
            currency="EUR",
        ),
    )  # fmt: skip


def test_what_is_said_of_a_whole_file_has_its_own_reason_and_no_transfers() -> None:
    group = "<GrpSts>RJCT</GrpSts><StsRsnInf><Rsn><Prtry>NOPE</Prtry></Rsn></StsRsnInf>"

    report = sepa.read_report(status(group=group))

    assert report.said == (sepa.Said(reference="", batch_ref="M1", status="RJCT", reason="NOPE"),)


def test_a_part_is_read_before_its_file_and_part_means_look_at_the_transfers() -> None:
    report = sepa.read_report(
        status(group="<GrpSts>PART</GrpSts>", part="<PmtInfSts>ACSC</PmtInfSts>", lines=ONE)
    )

    assert [(said.reference, said.status) for said in report.said] == [("E1", "RJCT"), ("", "ACSC")]


BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">]>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10">&e;</Document>"""
FILE = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10">&e;</Document>"""


@pytest.mark.parametrize("content", [BOMB, FILE], ids=["billion laughs", "a file of ours"])
def test_entities_and_document_types_are_not_read(content: str) -> None:
    with pytest.raises(sepa.Unreadable, match="declares entities or a document type"):
        sepa.read_report(content.encode())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not XML"),
        (b"\xff\xfe\x00", "is not XML"),
        (b"<html/>", "neither a pain.002 nor a camt.054|GrpHdr is missing"),
        (b"x" * (sepa.FILE_BYTES_MAX + 1), "too large"),
        (status(lines=ONE).replace(b"18.5", b"18,5"), "no amount"),
        (status(lines=ONE).replace(b"OrgnlGrpInfAndSts", b"Nothing"), "is missing"),
    ],
)
def test_what_is_no_file_of_the_banks_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(sepa.Unreadable, match=words):
        sepa.read_report(content)


@pytest.mark.parametrize(
    ("text", "minor"),
    [("18", 1800), ("18.5", 1850), ("18.05", 1805), ("18.050", 1805), ("0.01", 1)],
)
def test_amounts_are_read_exactly(text: str, minor: int) -> None:
    assert sepa._minor(text) == minor


@pytest.mark.parametrize("text", ["", "-1", "1.001", "1e3", "1,00", "NaN"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        sepa._minor(text)


def test_lines_that_differ_from_the_sums_are_seen() -> None:
    written = sepa.write(order())
    total = written.replace(b"<CtrlSum>18.00</CtrlSum>", b"<CtrlSum>18.01</CtrlSum>", 1)

    with pytest.raises(sepa.Unreadable, match="sums"):
        sepa.read_order(total)
