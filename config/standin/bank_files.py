"""Files of SEPA transfers: taken once by their name, and answered by what became of each transfer.

Speaks pain.001.001.09 in, pain.002.001.10 and camt.054.001.08 out (ISO 20022), as much of them as a
bank needs to say what it took, paid, refused and got back.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from django.db import transaction

from config.standin import accounts, ids, options
from config.standin.models import BankOrder, BankTransfer, TransferState

PAIN_001: Final = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
PAIN_002: Final = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"
CAMT_054: Final = "urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"
STATUSES: Final = {
    TransferState.ACCEPTED: "ACSP",
    TransferState.PAID: "ACSC",
    TransferState.RETURNED: "ACSC",
    TransferState.FAILED: "RJCT",
}


class UnfitFile(Exception):
    """The file is no pain.001.001.09, or its sums are wrong; nothing was taken."""


class FileTaken(Exception):
    """Another file has this name already; nothing was taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    reference: str
    amount_minor: int
    currency: str
    account: str
    name: str


@transaction.atomic(durable=True)
def take(*, content: bytes, at: datetime) -> tuple[BankOrder, bool]:
    """Take a file; whether it is new. Raises UnfitFile, FileTaken."""
    message_id, asked = _read(content)
    digest = hashlib.sha256(content).hexdigest()
    known = BankOrder.objects.filter(message_id=message_id).first()
    if known is not None:
        if known.sha256 != digest:
            raise FileTaken(f"A file {message_id} with other bytes was taken before.")
        return known, False
    references = [one.reference for one in asked]
    if BankTransfer.objects.filter(reference__in=references).exists():
        raise FileTaken("A transfer of this file was taken before, in another one.")
    order = BankOrder.objects.create(message_id=message_id, sha256=digest, created_at=at)
    for one in asked:
        _take_one(order, one, at=at)
    return order, True


def _take_one(order: BankOrder, asked: _Asked, *, at: datetime) -> None:
    fate = accounts.fate_of(account=asked.account)
    has_failed = fate == accounts.Fate.FAILS
    state = TransferState.FAILED if has_failed else TransferState.ACCEPTED
    times = options.current()
    wait_s = times.bank_long_s if fate == accounts.Fate.LONG else times.bank_delay_s
    BankTransfer.objects.create(
        public_id=ids.new_id("bt"),
        order=order,
        reference=asked.reference,
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        account=asked.account,
        name=asked.name,
        created_at=at,
        state=state,
        reason=accounts.ACCOUNT_CLOSED if has_failed else "",
        moves_at=None if has_failed else at + timedelta(seconds=wait_s),
        history=[{"state": str(state), "at": at.isoformat()}],
    )


def _read(content: bytes) -> tuple[str, list[_Asked]]:
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ElementTree.ParseError, DefusedXmlException, ValueError) as error:
        raise UnfitFile("This is no XML that a bank would read.") from error
    if root.tag != f"{{{PAIN_001}}}Document":
        raise UnfitFile("This is no pain.001.001.09.")
    asked = [
        _Asked(
            reference=_text(one, "PmtId/EndToEndId"),
            amount_minor=_minor(_text(one, "Amt/InstdAmt")),
            currency=_at(one, "Amt/InstdAmt").get("Ccy", ""),
            account=_text(one, "CdtrAcct/Id/IBAN"),
            name=_text(one, "Cdtr/Nm"),
        )
        for one in root.iter(f"{{{PAIN_001}}}CdtTrfTxInf")
    ]
    header = _at(root, "CstmrCdtTrfInitn/GrpHdr")
    said = (int(_text(header, "NbOfTxs")), _minor(_text(header, "CtrlSum")))
    if said != (len(asked), sum(one.amount_minor for one in asked)):
        raise UnfitFile("The number or the control sum of the file is wrong (AM10).")
    if {one.currency for one in asked} != {"EUR"}:
        raise UnfitFile("SEPA transfers are in euros.")
    return _text(header, "MsgId"), asked


def status_file(order: BankOrder, *, at: datetime) -> bytes:
    """Say what became of each transfer so far, as a pain.002."""
    root = Element("Document", xmlns=PAIN_002)
    report = SubElement(root, "CstmrPmtStsRpt")
    rows = list(BankTransfer.objects.filter(order=order).order_by("number"))
    _header(report, rows, at=at)
    group = SubElement(report, "OrgnlGrpInfAndSts")
    _add(group, "OrgnlMsgId", order.message_id)
    _add(group, "OrgnlMsgNmId", "pain.001.001.09")
    statuses = {STATUSES[TransferState(row.state)] for row in rows}
    _add(group, "GrpSts", statuses.pop() if len(statuses) == 1 else "PART")
    part = SubElement(report, "OrgnlPmtInfAndSts")
    _add(part, "OrgnlPmtInfId", order.message_id)
    for row in rows:
        one = SubElement(part, "TxInfAndSts")
        _add(one, "OrgnlEndToEndId", row.reference)
        _add(one, "TxSts", STATUSES[TransferState(row.state)])
        if row.state == TransferState.FAILED:
            _add(SubElement(SubElement(one, "StsRsnInf"), "Rsn"), "Cd", row.reason)
        amount = SubElement(SubElement(one, "OrgnlTxRef"), "Amt")
        _amount(amount, "InstdAmt", row)
    return _written(root)


def returns_file(order: BankOrder, *, at: datetime) -> bytes | None:
    """Say what came back, as a camt.054; nothing when nothing did."""
    rows = list(
        BankTransfer.objects.filter(order=order, state=TransferState.RETURNED).order_by("number")
    )
    if not rows:
        return None
    root = Element("Document", xmlns=CAMT_054)
    told = SubElement(root, "BkToCstmrDbtCdtNtfctn")
    _header(told, rows, at=at)
    notice = SubElement(told, "Ntfctn")
    _add(notice, "Id", order.message_id)
    for row in rows:
        entry = SubElement(notice, "Ntry")
        _amount(entry, "Amt", row)
        _add(entry, "CdtDbtInd", "CRDT")
        _add(SubElement(entry, "Sts"), "Cd", "BOOK")
        details = SubElement(SubElement(entry, "NtryDtls"), "TxDtls")
        _add(SubElement(details, "Refs"), "EndToEndId", row.reference)
        _amount(details, "Amt", row)
        _add(SubElement(SubElement(details, "RtrInf"), "Rsn"), "Cd", row.reason)
    return _written(root)


def _header(parent: Element, rows: list[BankTransfer], *, at: datetime) -> None:
    """The same states make the same file: its name and time are those of its last change."""
    states = "".join(f"{row.reference}{row.state}" for row in rows)
    header = SubElement(parent, "GrpHdr")
    _add(header, "MsgId", hashlib.sha256(states.encode()).hexdigest()[:30])
    changed_at = max((str(row.history[-1]["at"]) for row in rows), default=at.isoformat())
    _add(
        header,
        "CreDtTm",
        f"{datetime.fromisoformat(changed_at).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )


def _amount(parent: Element, name: str, row: BankTransfer) -> None:
    amount = SubElement(parent, name, Ccy=row.currency)
    amount.text = f"{row.amount_minor // 100}.{row.amount_minor % 100:02}"


def _add(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _written(root: Element) -> bytes:
    written: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return written


def _minor(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,15})\.([0-9]{2})", text)
    if match is None:
        raise UnfitFile(f"An amount has euros and cents: {text[:20]!r} has not.")
    return int(match[1]) * 100 + int(match[2])


def _at(part: Element, path: str) -> Element:
    found = part.find("/".join(f"{{{PAIN_001}}}{name}" for name in path.split("/")))
    if found is None:
        raise UnfitFile(f"{path} is missing.")
    return found


def _text(part: Element, path: str) -> str:
    return _at(part, path).text or ""
