"""What a statement says: its facts, its lines as CSV, its digest, its PDF.

Promises: pure, but for the PDF's fonts; the same facts give the same lines for good, and the digest
is the SHA-256 of those lines, so that whoever has the CSV can reckon it. Each table's columns add
up from its opening to its closing. Facts are whole numbers and words: diamonds in thousandths,
money in minor units; they name the creator by the number of their account alone.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from payouts import months
from payouts.months import AVAILABLE, HELD, IN_PAYOUT, OWED, PENDING, READY, Month
from wallet import documents, history, ledger, money
from wallet.models import Account, Transfer

CODE: Final = Transfer.Code
FEES: Final = (int(Account.Code.PAYOUT_FEE), int(Account.Code.GIFT_REVENUE))

# What each kind of transfer is called, in the order in which statements list them.
DIAMOND_WORDS: Final[Mapping[int, str]] = {
    CODE.GIFT_DIAMONDS: "Gifts received",
    CODE.RELEASE: "Matured",
    CODE.REPAY: "Debt repaid from what matured",
    CODE.DISPUTE_HOLD_DIAMONDS: "Held while a bank decides",
    CODE.DISPUTE_GIVE_BACK_DIAMONDS: "Given back: the bank decided for the payment",
    CODE.LOSS_DIAMONDS: "Taken back: the bank decided against the payment",
    CODE.ADJUST_DIAMONDS: "Corrected by staff",
    CODE.SETTLE_DIAMONDS: "Settled into money",
}
MONEY_WORDS: Final[Mapping[int, str]] = {
    CODE.SETTLE_CASH: "Settled from diamonds",
    CODE.PAYOUT_RESERVE: "Set aside for payouts",
    CODE.PAYOUT_VOID: "Payouts not made, put back",
    CODE.PAYOUT_POST: "Paid out",
    CODE.PAYOUT_FEE: "Fees",
    CODE.PAYOUT_RETURN: "Sent back by the bank",
}
STEP_WORDS: Final[Mapping[int, str]] = {
    CODE.PAYOUT_RESERVE: "Set aside",
    CODE.PAYOUT_VOID: "Not made",
    CODE.PAYOUT_POST: "Paid",
    CODE.PAYOUT_FEE: "Fee",
    CODE.PAYOUT_RETURN: "Sent back",
}
HEAD: Final = (
    "part", "date", "what", "detail", "diamonds", "pending", "available", "held", "owed",
    "currency", "money", "ready", "in_payout",
)  # fmt: skip
DIAMOND_PLACES: Final = (PENDING, AVAILABLE, HELD, OWED)
MONEY_PLACES: Final = (READY, IN_PAYOUT)


def facts_of(
    month: Month,
    *,
    account: int,
    on: date,
    periods: Mapping[str, Any],
    settled: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Write down what a month says. ``settled``: what is known of each settlement, by operation."""
    return {
        "month": f"{on:%Y-%m}",
        "account": str(account),
        "periods": dict(periods),
        "diamonds": _rows(month, ledger.DIA, DIAMOND_PLACES, DIAMOND_WORDS),
        "days": [
            [day.on.isoformat(), day.gifts, day.diamonds_milli, day.taken_milli]
            for day in month.days
        ],
        "settled": _settled(month, settled),
        "money": [
            {
                "currency": money.currency_of(unit),
                "rows": _rows(month, unit, MONEY_PLACES, MONEY_WORDS),
            }
            for unit in _currencies(month)
        ],
        "payouts": _payouts(month),
    }


def closing(facts: Mapping[str, Any]) -> dict[months.Key, int]:
    """What a statement's closing leaves in each place: the next month's opening."""
    tables: list[tuple[int, Sequence[int], Any]] = [(ledger.DIA, DIAMOND_PLACES, facts["diamonds"])]
    tables += [
        (money.CURRENCY_NUMBERS[part["currency"]], MONEY_PLACES, part["rows"])
        for part in facts["money"]
    ]
    return {
        (place, unit): amount
        for unit, places, rows in tables
        for place, amount in zip(places, rows[-1][2:], strict=True)
        if amount
    }


def lines(facts: Mapping[str, Any]) -> str:
    """The statement as a CSV file's lines: what the digest is made of."""
    return "".join(history.csv_line(cells) for cells in (HEAD, *_cells(facts)))


def digest(facts: Mapping[str, Any]) -> str:
    return sha256(lines(facts).encode())


def sha256(file: bytes) -> str:
    return hashlib.sha256(file).hexdigest()


def as_csv(facts: Mapping[str, Any], *, digest: str, code: str) -> str:
    """The file that is handed out: the lines, and beneath them how to check them."""
    ends = [("digest", "", "SHA-256 of all lines above", digest), ("code", "", "Check it by", code)]
    empty = [""] * (len(HEAD) - 4)
    return lines(facts) + "".join(history.csv_line([*end, *empty]) for end in ends)


def as_pdf(
    facts: Mapping[str, Any], *, digest: str, code: str, issued_at: datetime, verify_url: str
) -> bytes:
    """The document that is handed out."""
    on = date.fromisoformat(f"{facts['month']}-01")
    said = {
        "number": facts["number"],
        "issued": f"{issued_at:%-d %B %Y}",
        "month": f"{on:%B %Y}",
        "seller": facts["seller"],
        "account": facts["account"],
        "region": facts["region"],
        "digest": digest,
        "code": code,
        "verify_url": verify_url,
        "periods": facts["periods"],
        "diamonds": [
            [words, *(_diamond_words(amount) for amount in amounts)]
            for words, *amounts in facts["diamonds"]
        ],
        "days": [
            [f"{date.fromisoformat(on):%-d %B}", f"{gifts:,}", _diamond_words(earned),
             _diamond_words(-taken)]
            for on, gifts, earned, taken in facts["days"]
        ],
        "settled": [_settled_words(line) for line in facts["settled"]],
        "money": [
            {"currency": part["currency"], "rows": [
                [words, *(documents.figure(amount, part["currency"]) for amount in amounts)]
                for words, *amounts in part["rows"]
            ]}
            for part in facts["money"]
        ],
        "payouts": [
            [at[:16].replace("T", " "), words, payout_id,
             f"{currency} {documents.figure(amount, currency)}"]
            for at, words, payout_id, currency, amount in facts["payouts"]
        ],
    }  # fmt: skip
    return documents.statement_pdf(facts=said, issued_at=issued_at)


def totals(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a statement's sums are, as it prints them: for whoever checks it."""
    named = {row[0]: row for row in facts["diamonds"]}
    told = [
        (words, f"{_diamond_words(named[words][1])} diamonds")
        for words in ("Opening", *DIAMOND_WORDS.values(), "Closing")
        if words in named and (named[words][1] or words in {"Opening", "Closing"})
    ]
    for part in facts["money"]:
        told += [
            (f"{words}, {part['currency']}", documents.figure(amount, part["currency"]))
            for words, amount, *_ in part["rows"]
            if amount or words == "Closing"
        ]
    return told


def _rows(
    month: Month, unit: int, places: Sequence[int], words: Mapping[int, str]
) -> list[list[Any]]:
    """Opening, what moved by its kind, closing: the sum over all places, then each place."""
    opening = [month.opening.get((place, unit), 0) for place in places]
    moved: dict[str, list[int]] = dict.fromkeys(words.values(), [0] * len(places))
    for (place, of_unit, code, other), amount in month.moved.items():
        if of_unit == unit and place in places:
            name = words.get(code, "Fees" if other in FEES else "Other")
            parts = list(moved.get(name, [0] * len(places)))
            parts[places.index(place)] += amount
            moved[name] = parts
    closing = [sum(column) for column in zip(opening, *moved.values(), strict=True)]
    kept = {name: parts for name, parts in moved.items() if any(parts)}
    rows = {"Opening": opening, **kept, "Closing": closing}
    return [[name, sum(parts), *parts] for name, parts in rows.items()]


def _currencies(month: Month) -> list[int]:
    units = {unit for _, unit in month.opening} | {unit for _, unit, _, _ in month.moved}
    return sorted(units - {ledger.DIA}, key=money.currency_of)


def _settled(month: Month, known: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each settlement: its diamonds and money from the ledger, its rates from its line."""
    found: dict[str, dict[str, Any]] = {}
    for step in month.steps:
        if step.code in {CODE.SETTLE_DIAMONDS, CODE.SETTLE_CASH}:
            line = found.setdefault(
                str(step.operation_id),
                {"operation": str(step.operation_id), "at": _moment(step.at)}
                | dict(known.get(str(step.operation_id), {})),
            )
            if step.code == CODE.SETTLE_DIAMONDS:
                line["diamonds"] = line.get("diamonds", 0) + step.amount
            else:
                line["currency"] = money.currency_of(step.unit)
                line["amount"] = line.get("amount", 0) + step.amount
    return list(found.values())


def _payouts(month: Month) -> list[list[Any]]:
    return [
        [_moment(step.at), STEP_WORDS.get(CODE(step.code), "Other"), step.payout_id,
         money.currency_of(step.unit), step.amount]
        for step in month.steps
        if step.code not in {CODE.SETTLE_DIAMONDS, CODE.SETTLE_CASH}
    ]  # fmt: skip


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _cells(facts: Mapping[str, Any]) -> Iterable[Sequence[object]]:
    yield from _head_cells(facts)
    for words, *amounts in facts["diamonds"]:
        yield _line("diamonds", what=words, diamonds=amounts)
    for on, gifts, earned, taken in facts["days"]:
        yield _line("day", on=on, what="Gifts received", detail=str(gifts), diamonds=[earned])
        yield _line("day", on=on, what="Taken back", diamonds=[-taken])
    for line in facts["settled"]:
        yield _line(
            "settlement", on=line["at"], what=line.get("card", ""), detail=_rates(line),
            diamonds=[line["diamonds"]], currency=line["currency"], cash=[line["amount"]],
        )  # fmt: skip
    for part in facts["money"]:
        for words, *amounts in part["rows"]:
            yield _line("money", what=words, currency=part["currency"], cash=amounts)
    for at, words, payout_id, currency, amount in facts["payouts"]:
        yield _line("payout", on=at, what=words, detail=payout_id, currency=currency, cash=[amount])


def _head_cells(facts: Mapping[str, Any]) -> Iterable[Sequence[object]]:
    periods = facts["periods"]
    for what, detail in (
        ("number", facts["number"]),
        ("month", facts["month"]),
        ("account", facts["account"]),
        ("issued", facts["issued"]),
        ("issuer", facts["seller"]["name"]),
        ("ledger periods", f"{periods['first']} to {periods['last']}"),
        ("seal of the last", periods["seal"]),
    ):
        yield _line("statement", what=what, detail=detail)


def _line(
    part: str, *, on: str = "", what: str = "", detail: str = "", currency: str = "",
    diamonds: Sequence[int] = (), cash: Sequence[int] = (),
) -> list[object]:  # fmt: skip
    columns: list[object] = [part, on, what, detail]
    columns += [Decimal(milli).scaleb(-3) for milli in diamonds] + [""] * (5 - len(diamonds))
    columns += [currency]
    columns += [money.money(amount, currency).amount for amount in cash] + [""] * (3 - len(cash))
    return columns


def _rates(line: Mapping[str, Any]) -> str:
    """By which rates diamonds became money, and what the one rounding left over."""
    if "diamond_usd" not in line:
        return str(line["operation"])
    return (
        f"a diamond is {line['diamond_usd']} USD; 1 USD is {line['fx_per_usd']} {line['currency']} "
        f"({line['fx_source']}, {line['fx_quoted_at']}); rounded down by {line['remainder']} of "
        f"the smallest unit; {line['operation']}"
    )


def _settled_words(line: Mapping[str, Any]) -> dict[str, str]:
    currency = line["currency"]
    return {
        "at": line["at"][:10],
        "card": line.get("card", ""),
        "diamonds": _diamond_words(line["diamonds"]),
        "rates": _rates(line),
        "amount": f"{currency} {documents.figure(line['amount'], currency)}",
    }


def _diamond_words(milli: int) -> str:
    whole = Decimal(milli).scaleb(-3).normalize()
    return f"{whole:,f}"


def shown(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as a page shows them: days as dates, money as Money."""
    return {
        "month": date.fromisoformat(f"{facts['month']}-01"),
        "periods": facts["periods"],
        "diamonds": facts["diamonds"],
        "days": [
            {"on": date.fromisoformat(on), "gifts": gifts, "milli": earned, "taken_milli": taken}
            for on, gifts, earned, taken in facts["days"]
        ],
        "money": [
            {"currency": part["currency"], "rows": [
                [words, *(money.money(amount, part["currency"]) for amount in amounts)]
                for words, *amounts in part["rows"]
            ]}
            for part in facts["money"]
        ],
        "settled": [
            {"at": datetime.fromisoformat(line["at"]), "card": line.get("card", ""),
             "milli": line["diamonds"], "rates": _rates(line),
             "amount": money.money(line["amount"], line["currency"])}
            for line in facts["settled"]
        ],
        "payouts": [
            {"at": datetime.fromisoformat(at), "what": words, "id": payout_id,
             "amount": money.money(amount, currency)}
            for at, words, payout_id, currency, amount in facts["payouts"]
        ],
    }  # fmt: skip
