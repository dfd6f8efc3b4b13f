"""SEPA credit transfers as files: pain.001.001.09 out, pain.002 and camt.054 in.

Promises: the same order gives the same bytes, valid by the schema, in the signs that SEPA allows;
what is read is read without entities and document types, whatever somebody put into it. Nothing is
sent from here: a member of staff hands the file to the bank.

Rules: EPC132-08, SEPA Credit Transfer, customer-to-PSP guidelines, 2025.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from sepaxml import SepaTransfer
from text_unidecode import unidecode

if TYPE_CHECKING:
    import xmlschema

SCHEMA: Final = "pain.001.001.09"
NAME_LENGTH: Final = 70
TEXT_LENGTH: Final = 140
# The most one transfer may carry: 999,999,999.99 euros (EPC132-08, AT-T002).
AMOUNT_MINOR_MAX: Final = 99_999_999_999
FILE_BYTES_MAX: Final = 20_000_000
# "Latin character set" of SEPA (EPC217-08, 2025): letters, digits and these.
_OTHER_SIGNS: Final = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")

# ISO 20022, ExternalPaymentTransactionStatus1Code: on its way, settled, refused.
ON_ITS_WAY: Final = frozenset({"RCVD", "PDNG", "ACTC", "ACCP", "ACSP", "ACWC", "PATC"})
SETTLED: Final = frozenset({"ACSC", "ACCC"})
REFUSED: Final = frozenset({"RJCT", "CANC"})
RETURNED: Final = "RTRN"  # our own word for an entry of camt.054 that brings a transfer back


class Unreadable(Exception):
    """The file is no pain.002 or camt.054, or cannot be read safely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debtor:
    """Whose account pays."""

    name: str
    iban: str
    bic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One transfer. ``end_to_end_id`` comes back in whatever the bank says of it."""

    end_to_end_id: str
    amount_minor: int
    iban: str
    bic: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a file asks the bank for."""

    message_id: str
    made_at: datetime
    execution_date: date
    debtor: Debtor
    text: str
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the bank says of one transfer; without a reference, of all of a file's others."""

    reference: str
    batch_ref: str
    status: str
    reason: str = ""
    amount_minor: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A file of the bank's, read."""

    kind: str
    message_id: str
    said: Sequence[Said] = field(default_factory=tuple)


def latin(text: str, *, length: int) -> str:
    """The text in the signs that SEPA allows, at most so long; empty when nothing is left."""
    plain = _OTHER_SIGNS.sub(" ", unidecode(text.replace("&", "+")))
    # "/" must not begin or end a text, nor stand twice (EPC132-08, 1.4).
    words = re.sub(r"/+", "/", " ".join(plain.split()))
    return words.strip("/ ")[:length].rstrip("/ ")


def write(order: Order) -> bytes:
    """The file, valid by the schema. The same order gives the same bytes."""
    file = _File(order)
    for line in order.lines:
        file.add_payment(_payment(line, order=order))
    written: bytes = file.export(validate=False)
    schema().validate(written.decode())
    return written


def _payment(line: Line, *, order: Order) -> dict[str, Any]:
    payment = {
        "name": line.name,
        "IBAN": line.iban,
        "amount": line.amount_minor,
        "description": order.text,
        "execution_date": order.execution_date,
        "endtoend_id": line.end_to_end_id,
    }
    return payment | ({"BIC": line.bic} if line.bic else {})


@cache
def schema() -> "xmlschema.XMLSchema":
    """The schema that ships with sepaxml, read once: that takes a second or two."""
    import xmlschema  # noqa: PLC0415

    return xmlschema.XMLSchema(str(files("sepaxml") / "schemas" / f"{SCHEMA}.xsd"))


class _File(SepaTransfer):
    """sepaxml's file, with names and times of the order's instead of random ones."""

    def __init__(self, order: Order) -> None:
        self.order = order
        config = {
            "name": order.debtor.name,
            "IBAN": order.debtor.iban,
            "BIC": order.debtor.bic,
            "batch": True,
            "currency": "EUR",
        }
        super().__init__(config, schema=SCHEMA, clean=False)

    def _create_header(self) -> None:
        self.msg_id = self.order.message_id
        super()._create_header()
        made_at = self.order.made_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._xml.find(".//CreDtTm").text = made_at

    def _finalize_batch(self) -> None:
        super()._finalize_batch()
        self._xml.find(".//PmtInfId").text = self.order.message_id


def read_order(content: bytes) -> tuple[int, int, list[Line]]:
    """The number of transfers, the control sum and the lines that a file of ours has."""
    root = _parse(content)
    header = _only(root, "GrpHdr")
    lines = [
        Line(
            end_to_end_id=_text(one, "EndToEndId"),
            amount_minor=_minor(_text(one, "InstdAmt")),
            iban=_text(_only(one, "CdtrAcct"), "IBAN"),
            bic=_text(one, "BICFI"),
            name=_text(_only(one, "Cdtr"), "Nm"),
        )
        for one in _all(root, "CdtTrfTxInf")
    ]
    sums = {(_text(part, "NbOfTxs"), _text(part, "CtrlSum")) for part in _all(root, "PmtInf")}
    if sums != {(_text(header, "NbOfTxs"), _text(header, "CtrlSum"))}:
        raise Unreadable("The sums of the file and of its part differ.")
    return int(_text(header, "NbOfTxs")), _minor(_text(header, "CtrlSum")), lines


def read_report(content: bytes) -> Report:
    """What the bank's file says. Raises Unreadable."""
    root = _parse(content)
    kind = root.tag.removeprefix("{urn:iso:std:iso:20022:tech:xsd:")[:8]
    try:
        header = _only(root, "GrpHdr")
        if kind == "pain.002":
            said = tuple(_statuses(root))
        elif kind == "camt.054":
            said = tuple(_returns(root))
        else:
            raise Unreadable("This is neither a pain.002 nor a camt.054. Choose the bank's file.")
        return Report(kind=kind, message_id=_text(header, "MsgId")[:35], said=said)
    except (ValueError, LookupError) as error:
        raise Unreadable(
            f"This file is not as its format says it must be: {error}"[:200]
        ) from error


def _parse(content: bytes) -> Element:
    if len(content) > FILE_BYTES_MAX:
        raise Unreadable("This file is too large to be one of the bank's.")
    try:
        return fromstring(content, forbid_dtd=True)  # type: ignore[no-any-return]
    except DefusedXmlException as error:
        raise Unreadable("This file declares entities or a document type. Nothing was read.") from (
            error
        )
    except (ParseError, ValueError) as error:
        raise Unreadable("This file is not XML. Choose the bank's file.") from error


def _statuses(root: Element) -> Iterator[Said]:
    """Each transfer's status; then what is said of the file or of a part of it as a whole."""
    group = _only(root, "OrgnlGrpInfAndSts")
    batch_ref = _text(group, "OrgnlMsgId")[:35]
    for one in _all(root, "TxInfAndSts"):
        amount = next(iter(_all(one, "InstdAmt")), None)
        yield Said(
            reference=_text(one, "OrgnlEndToEndId")[:35],
            batch_ref=batch_ref,
            status=_text(one, "TxSts")[:10],
            reason=_reason(one),
            amount_minor=None if amount is None else _minor(amount.text or ""),
            currency="" if amount is None else amount.get("Ccy", "")[:3],
        )
    for part, status in [
        (group, "GrpSts"),
        *((p, "PmtInfSts") for p in _all(root, "OrgnlPmtInfAndSts")),
    ]:
        said = _own_text(part, status)
        if said and said != "PART":
            yield Said(
                reference="", batch_ref=batch_ref, status=said[:10], reason=_reason(part, own=True)
            )


def _returns(root: Element) -> Iterator[Said]:
    """Each entry that brings a transfer of ours back. What else was booked is left alone."""
    for entry in _all(root, "Ntry"):
        details = _all(entry, "TxDtls")
        if _own_text(entry, "CdtDbtInd") != "CRDT":
            continue
        for one in details:
            back = next(iter(_all(one, "RtrInf")), None)
            if back is None:
                continue
            amount = next(iter(_all(one, "Amt")), None)
            if amount is None:
                amount = _only(entry, "Amt")
                if len(details) > 1:
                    raise ValueError("several returns in one entry, without their amounts")
            yield Said(
                reference=_text(one, "EndToEndId")[:35],
                batch_ref="",
                status=RETURNED,
                reason=_reason(back),
                amount_minor=_minor(amount.text or ""),
                currency=amount.get("Ccy", "")[:3],
            )


def _reason(part: Element, *, own: bool = False) -> str:
    """The code of a reason, or the bank's own word for it."""
    where: Any = part
    if own:  # of this part itself, and not of a transfer in it
        where = next((child for child in part if _name(child) == "StsRsnInf"), None)
        if where is None:
            return ""
    reason = next(iter(_all(where, "Rsn")), None)
    if reason is None:
        return ""
    return (_text(reason, "Cd") or _text(reason, "Prtry"))[:35]


def _minor(text: str) -> int:
    """Cents of a decimal amount, exactly."""
    match = re.fullmatch(r"([0-9]{1,15})(?:\.([0-9]{1,2})0*)?", text.strip())
    if match is None:
        raise ValueError(f"no amount: {text[:20]!r}")
    return int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0"))


def _name(part: Element) -> str:
    return part.tag.rpartition("}")[2]


def _all(part: Element, name: str) -> list[Element]:
    return [one for one in part.iter() if _name(one) == name]


def _only(part: Element, name: str) -> Element:
    found = _all(part, name)
    if not found:
        raise ValueError(f"{name} is missing")
    return found[0]


def _text(part: Element, name: str) -> str:
    return next((one.text or "" for one in _all(part, name)), "").strip()


def _own_text(part: Element, name: str) -> str:
    return next((child.text or "" for child in part if _name(child) == name), "").strip()
