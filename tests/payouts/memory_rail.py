"""A bank in memory that can lose, delay, break, fail and return, told by the test that owns it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from payouts.rails import base


@dataclass
class MemoryRail:
    """Keeps every transfer it ever made in ``book``: two under one reference are a double payment.

    ``forget`` drops its idempotency keys, as a bank that prunes them does. ``before`` and ``after``
    run around taking an instruction, and may raise what a broken line would.
    """

    book: list[base.Transfer] = field(default_factory=list)
    keys: dict[str, base.Transfer] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    on_lookup: Callable[[], None] = lambda: None
    declines: base.Declined | None = None

    def submit(self, instruction: base.Instruction, /) -> base.Transfer:
        self.calls.append("submit")
        self.before()
        if self.declines is not None:
            raise self.declines
        transfer = self.take(instruction)
        self.after()
        return transfer

    def lookup(self, *, reference: str) -> base.Transfer | None:
        self.calls.append("lookup")
        self.on_lookup()
        return next((row for row in self.book if row.reference == reference), None)

    def list_since(self, *, since: datetime) -> Iterator[base.Transfer]:
        return iter(self.book)

    def move(self, reference: str, to: base.State, reason: str = "") -> None:
        self.book = [
            replace(row, state=to, reason=reason) if row.reference == reference else row
            for row in self.book
        ]

    def forget(self) -> None:
        self.keys.clear()

    def move_row(self, rail_ref: str, to: base.State, reason: str = "") -> None:
        self.book = [
            replace(row, state=to, reason=reason) if row.rail_ref == rail_ref else row
            for row in self.book
        ]

    def take(self, instruction: base.Instruction) -> base.Transfer:
        """Take an instruction once per reference, for as long as its key is remembered."""
        return self.keys.get(instruction.reference) or self._take(instruction)

    def _take(self, instruction: base.Instruction) -> base.Transfer:
        transfer = base.Transfer(
            rail_ref=f"m{len(self.book) + 1}",
            reference=instruction.reference,
            amount_minor=instruction.amount_minor,
            currency=instruction.currency,
            state=base.State.ACCEPTED,
        )
        self.book.append(transfer)
        self.keys[instruction.reference] = transfer
        return transfer
