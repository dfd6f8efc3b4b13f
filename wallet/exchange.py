"""Exchange rates: dated rows, typed or read from the European Central Bank's files; never edited.

Promises: a rate far from the one before it waits for a second person and is not used meanwhile; the
same file again adds nothing; a file that contradicts a rate we have is refused whole. Currencies
that a file lacks keep the rates of the table, which somebody types.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from accounts import states
from wallet import ecb, queries
from wallet.models import BPS, FxRate, WaitingRate
from wallet.money import CURRENCY_NUMBERS

State = WaitingRate.State
BEFORE_MAX: Final = timedelta(days=400)  # how far back the rate before is looked for
PER_USD_MAX: Final = Decimal(10) ** 10  # what the table can keep


class FxInTheFuture(Exception):
    """The rate is dated after now."""


class FxDateTaken(Exception):
    """The currency has another rate of that moment."""


class FxUnknown(Exception):
    """The currency is not one that Carat knows, or the rate is not above zero."""


class FxDecided(Exception):
    """The rate does not wait for anybody."""


class FxSamePerson(Exception):
    """Who entered a rate cannot be the second person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One rate that is to be added: ``before`` is what it is compared with, if there is any."""

    currency: str
    per_usd: Decimal
    quoted_at: datetime
    before: Decimal | None

    @property
    def moved(self) -> Fraction:
        """By which part of the one before it differs."""
        if self.before is None:
            return Fraction(0)
        return abs(Fraction(self.per_usd) / Fraction(self.before) - 1)

    @property
    def moved_words(self) -> str:
        """The same in percent with two decimals, for showing."""
        return f"{Decimal(round(self.moved * BPS)).scaleb(-2):f} %"

    @property
    def is_jump(self) -> bool:
        return self.moved > Fraction(settings.FX_JUMP_MAX_BPS, BPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What rates would do: those to add, those that wait, and how many we have already.

    ``lacking`` are our currencies that the file does not have, each with its latest rate.
    """

    source: str
    days: int
    rates: Sequence[Rate]
    known: int
    lacking: Mapping[str, FxRate | None]

    @property
    def added(self) -> list[Rate]:
        return [rate for rate in self.rates if not rate.is_jump]

    @property
    def waiting(self) -> list[Rate]:
        return [rate for rate in self.rates if rate.is_jump]


@transaction.atomic(durable=True)
def add_fx_rates(
    *, per_usd: Mapping[str, Decimal], quoted_at: datetime, source: str, at: datetime, by_id: int
) -> Plan:
    """Add one rate for each currency, units for one US dollar, all or none.

    Those far from the one before them wait for a second person. Raises FxUnknown, FxInTheFuture,
    FxDateTaken.
    """
    _in_line()
    plan = plan_rates(per_usd=per_usd, quoted_at=quoted_at, source=source, at=at)
    _keep(plan, by_id=by_id)
    return plan


def plan_rates(
    *, per_usd: Mapping[str, Decimal], quoted_at: datetime, source: str, at: datetime
) -> Plan:
    """Say what ``add_fx_rates`` would do, without writing. Raises as it does."""
    if FxRate.objects.filter(currency__in=per_usd, quoted_at=quoted_at).exists():
        taken = FxRate.objects.filter(currency__in=per_usd, quoted_at=quoted_at)
        names = ", ".join(taken.order_by("currency").values_list("currency", flat=True))
        raise FxDateTaken(f"There is a rate for {names} of that moment. Choose another time.")
    return _plan([(quoted_at, per_usd)], source=source, lacking={}, at=at)


@transaction.atomic(durable=True)
def import_file(*, content: bytes, at: datetime, by_id: int | None = None) -> Plan:
    """Add the rates of a file of the European Central Bank's that we do not have.

    The same file again adds nothing. Rates far from the one before them wait for a second person.
    Raises ecb.NotAnEcbFile, FxInTheFuture, FxDateTaken.
    """
    _in_line()
    plan = plan_file(content=content, at=at)
    _keep(plan, by_id=by_id)
    return plan


def plan_file(*, content: bytes, at: datetime) -> Plan:
    """Say what ``import_file`` would do, without writing. Raises as it does."""
    days = ecb.read(content)
    used = set(settings.CURRENCIES) - {queries.BASE_CURRENCY}
    quoted = [
        (day.quoted_at, {code: rate for code, rate in day.per_usd.items() if code in used})
        for day in days
    ]
    lacking = {
        code: FxRate.objects.filter(currency=code, quoted_at__lte=at).order_by("quoted_at").last()
        for code in sorted(used - set(quoted[-1][1]))
    }
    return _plan(quoted, source=ecb.SOURCE, lacking=lacking, at=at)


def is_stale(rate: FxRate | None, *, at: datetime) -> bool:
    """Whether a rate is missing or too old to be used."""
    return rate is None or at - rate.quoted_at > timedelta(hours=settings.FX_MAX_AGE_HOURS)


@transaction.atomic(durable=True)
def decide(*, waiting_id: int, is_accepted: bool, by_id: int, at: datetime) -> WaitingRate:
    """Use a rate that waits, or reject it, as its second person. Locks its row.

    Raises FxDecided, FxSamePerson, FxDateTaken.
    """
    _in_line()
    waiting = WaitingRate.objects.select_for_update(no_key=True, of=("self",)).get(pk=waiting_id)
    if waiting.state != State.WAITING:
        raise FxDecided("This rate was decided before. Nothing was done now.")
    if waiting.proposed_by_id == by_id:
        raise FxSamePerson("You entered this rate. Somebody else has to decide about it.")
    same = {"currency": waiting.currency, "quoted_at": waiting.quoted_at}
    if is_accepted and FxRate.objects.filter(**same).exists():
        raise FxDateTaken(
            f"There is a rate for {waiting.currency} of that moment by now. Reject this one."
        )
    if is_accepted:
        FxRate.objects.create(**same, per_usd=waiting.per_usd, source=waiting.source)
    waiting.decided_by_id = by_id
    waiting.save(update_fields=["decided_by"])
    to, why = (State.USED, "Used") if is_accepted else (State.REJECTED, "Rejected")
    return states.move(waiting, to=to, why=f"{why} by a second person", at=at, by_id=by_id)


def _in_line() -> None:
    """Let one deed on rates after the other run: each is compared with the ones before."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('wallet.fx_rate'))")


def _plan(
    quoted: Sequence[tuple[datetime, Mapping[str, Decimal]]],
    *,
    source: str,
    lacking: Mapping[str, FxRate | None],
    at: datetime,
) -> Plan:
    """Compare each rate, in the order of time, with the one it would follow."""
    for code, per_usd in (rate for _, rates in quoted for rate in rates.items()):
        if code not in CURRENCY_NUMBERS or not 0 < per_usd < PER_USD_MAX:
            raise FxUnknown(f"{per_usd} {code} for one dollar is not a rate. Check it.")
    if any(quoted_at > at for quoted_at, _ in quoted):
        raise FxInTheFuture("A rate cannot be of the future. Look at when it was quoted.")
    currencies = {code for _, rates in quoted for code in rates}
    ours = _ours(currencies, since=quoted[0][0] - BEFORE_MAX, until=quoted[-1][0])
    found, known = [], 0
    for quoted_at, rates in quoted:
        for code, per_usd in sorted(rates.items()):
            line = ours.setdefault(code, {})
            if quoted_at in line:
                known += _same(code, per_usd, line[quoted_at], quoted_at=quoted_at)
                continue
            before = max((moment for moment in line if moment < quoted_at), default=None)
            rate = Rate(
                currency=code,
                per_usd=per_usd,
                quoted_at=quoted_at,
                before=None if before is None else line[before],
            )
            found.append(rate)
            if not rate.is_jump:
                line[quoted_at] = per_usd
    return Plan(source=source, days=len(quoted), rates=found, known=known, lacking=lacking)


def _ours(
    currencies: Iterable[str], *, since: datetime, until: datetime
) -> dict[str, dict[datetime, Decimal]]:
    """The rates we have of these, by moment."""
    found: dict[str, dict[datetime, Decimal]] = {}
    rows = FxRate.objects.filter(
        currency__in=currencies, quoted_at__gt=since, quoted_at__lte=until
    ).values_list("currency", "quoted_at", "per_usd")
    for code, quoted_at, per_usd in rows:
        found.setdefault(code, {})[quoted_at] = per_usd
    return found


def _same(code: str, per_usd: Decimal, ours: Decimal, *, quoted_at: datetime) -> int:
    """Count a rate that we have. Raises FxDateTaken where ours is another."""
    if per_usd != ours:
        raise FxDateTaken(
            f"The file says {per_usd.normalize():f} {code} for one dollar on "
            f"{quoted_at:%d %B %Y}, and we have {ours.normalize():f}. Nothing was added: "
            "find out which is right, and type a newer rate if ours is wrong."
        )
    return 1


def _keep(plan: Plan, *, by_id: int | None) -> None:
    FxRate.objects.bulk_create(
        FxRate(
            currency=rate.currency,
            per_usd=rate.per_usd,
            quoted_at=rate.quoted_at,
            source=plan.source,
        )
        for rate in plan.added
    )
    WaitingRate.objects.bulk_create(
        [
            WaitingRate(
                currency=rate.currency,
                per_usd=rate.per_usd,
                before_per_usd=rate.before,
                quoted_at=rate.quoted_at,
                source=plan.source,
                proposed_by_id=by_id,
            )
            for rate in plan.waiting
            if rate.before is not None
        ],
        ignore_conflicts=True,  # it waits already, or was decided
    )
