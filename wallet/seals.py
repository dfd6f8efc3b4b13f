"""The public seals: one for each closed period of the ledger, each chained to the one before.

Promises: reads only, and nothing about any person: a period's number of transfers, their sums by
unit, and the SHA-256 that binds them to every period before.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from wallet import ledger
from wallet.models import Period
from wallet.money import currency_of


@dataclass(frozen=True, slots=True)
class Seal:
    """One sealed period. ``header`` is what its first hash covers, after the seal before."""

    period: int
    opened_at: datetime
    closed_at: datetime
    transfers: int
    sums: dict[str, int]
    seal: str
    before: str

    @property
    def header(self) -> str:
        return f"period|{self.period}|{self.transfers}|{json.dumps(self.sums)}\n"

    @property
    def units(self) -> list[tuple[str, int]]:
        """The sums by the unit's name: coins, diamonds (thousandths), minor units of money."""
        return [(_unit(int(unit)), total) for unit, total in self.sums.items()]

    def as_json(self) -> dict[str, Any]:
        return {
            "period": self.period,
            "opened_at": self.opened_at.isoformat(),
            "closed_at": self.closed_at.isoformat(),
            "transfers": self.transfers,
            "sums": self.sums,
            "before": self.before,
            "header": self.header,
            "seal": self.seal,
        }


def latest(*, before: int | None = None, limit: int = 50) -> list[Seal]:
    """Sealed periods, newest first, older than the period ``before``."""
    rows = Period.objects.exclude(seal=None).order_by("-id")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return _chained(list(rows[: limit + 1]), limit)


def following(*, after: int = 0, limit: int = 1000) -> list[Seal]:
    """Sealed periods, oldest first, younger than the period ``after``."""
    rows = list(Period.objects.exclude(seal=None).filter(pk__gt=after).order_by("id")[:limit])
    first = Period.objects.filter(pk__lte=after).order_by("-id")[:1] if rows else []
    return _chained([*reversed(rows), *first], len(rows))[::-1]


def folded_at() -> datetime:
    """When the ledger was last folded: balances of creators are summed up to about then."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT folded_at FROM ledger.fold_state")
        row = cursor.fetchone()
    assert row is not None, "the ledger's schema has the row"
    at: datetime = row[0]
    return at


def _chained(rows: Sequence[Period], limit: int) -> list[Seal]:
    """Pair each period with the seal of the one before it; ``rows`` are newest first."""
    before = [*(_hex(row) for row in rows[1:]), ""][: len(rows)]
    return [_seal(row, seal) for row, seal in zip(rows, before, strict=True)][:limit]


def _seal(row: Period, before: str) -> Seal:
    assert row.closed_at is not None and row.transfers is not None, "a sealed period is closed"  # noqa: PT018
    return Seal(
        row.pk, row.opened_at, row.closed_at, row.transfers, row.sums or {}, _hex(row), before
    )


def _hex(row: Period) -> str:
    return bytes(row.seal).hex() if row.seal is not None else ""


def _unit(unit: int) -> str:
    return {ledger.COIN: "coins", ledger.DIA: "diamonds"}.get(unit) or currency_of(unit)
