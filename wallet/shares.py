"""Where a price goes, as lines that add up and as a bar.

Promise: exact in, rounded once. Each part is rounded half-up, four decimals finer than the minor
unit (a single coin costs little more than a cent); the operator's line is the rounded price less
the other rounded lines, so the lines always add up to the price.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Final

from djmoney.money import Money

from wallet.money import decimals

EXTRA_DECIMALS: Final = 4


@dataclass(frozen=True, slots=True)
class Part:
    """One line, with its place in the bar in percent. ``share`` is of the whole price."""

    name: str
    part: str
    amount: Money
    share: Decimal
    start: str
    width: str


def split(
    lines: Sequence[tuple[str, str, Fraction]], *, gross: Fraction, currency: str
) -> list[Part]:
    """Lay out a price: the lines given (name, part, exact minor units) and the operator's rest."""
    rest_exact = gross - sum((exact for _, _, exact in lines), Fraction())
    rest = fine(gross, currency=currency) - sum(
        (fine(exact, currency=currency) for _, _, exact in lines), Money(0, currency)
    )
    amounts = [(*line, fine(line[2], currency=currency)) for line in lines]
    amounts.insert(2, ("Operator", "operator", rest_exact, rest))
    parts, start = [], Fraction()
    for name, part, exact, amount in amounts:
        share = exact / gross if gross else Fraction()
        # A loss of the operator's has no width: the other parts then fill more than the bar.
        width = max(share, Fraction())
        parts.append(Part(name, part, amount, _decimal(share, 6), _percent(start), _percent(width)))
        start += width
    return parts


def fine(exact_minor: Fraction, *, currency: str) -> Money:
    """Write minor units half-up as money, four decimals finer than the minor unit."""
    return Money(
        _decimal(exact_minor, EXTRA_DECIMALS).scaleb(-decimals(currency)),
        currency,
    )


def _percent(share: Fraction) -> str:
    return str(_decimal(share * 100, 3))


def _decimal(exact: Fraction, places: int) -> Decimal:
    unrounded = Decimal(exact.numerator) / Decimal(exact.denominator)
    return unrounded.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
