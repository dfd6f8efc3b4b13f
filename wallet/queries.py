"""Reads of value, each scoped by whose it is, and of what coins cost where and when."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import (
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    Prefetch,
    Q,
    QuerySet,
    Sum,
    Value,
)
from django.db.models.functions import Greatest, Least
from djmoney.money import Money

from accounts.models import StateChange, User
from wallet import money, reversals
from wallet.models import (
    Account,
    Balance,
    Channel,
    Dispute,
    FxRate,
    Lot,
    MethodFee,
    PaymentMethod,
    Price,
    ProviderEvent,
    Purchase,
    RateCard,
    RecoursePolicy,
    Refund,
    Region,
    RegionCountry,
    Transfer,
)

BASE_CURRENCY: Final = "USD"  # what rate cards are written in
OPEN: Final = (
    Purchase.State.CREATED,
    Purchase.State.PENDING,
    Purchase.State.AUTHORISED,
    Purchase.State.PAID,
)
# When an open purchase is looked up again: soon at first, then ever less often.
FIRST_LOOK: Final = timedelta(seconds=20)
PAUSE_MIN: Final = timedelta(seconds=15)
PAUSE_MAX: Final = timedelta(minutes=15)


class FxMissing(Exception):
    """There is no exchange rate for the currency."""


class FxStale(Exception):
    """The latest exchange rate is older than we may use."""


def coins(*, user_id: int, code: Account.Code = Account.Code.WALLET) -> int:
    """How many coins the person holds: to spend, or on another of their accounts."""
    return (
        Balance.objects.filter(account__owner_id=user_id, account__code=code)
        .values_list(F("credits") - F("debits"), flat=True)
        .first()
        or 0
    )


def region_for(country: str) -> Region | None:
    """Return the region in which the country buys; None where coins are not sold."""
    return Region.objects.filter(countries__country=country, is_open=True).first()


def countries_sold_in() -> frozenset[str]:
    """Return the countries of every region that is open."""
    rows = RegionCountry.objects.filter(region__is_open=True)
    return frozenset(str(code) for code in rows.values_list("country", flat=True))


def people_in(*, region_id: str, after_id: int, limit: int) -> list[int]:
    """Return the next ids of the people who live where the region sells, in their order."""
    countries = RegionCountry.objects.filter(region=region_id).values("country")
    return list(
        User.objects.filter(is_active=True, country__in=countries, pk__gt=after_id)
        .order_by("pk")
        .values_list("pk", flat=True)[:limit]
    )


def open_region(code: str) -> Region | None:
    """Find a region that sells coins by its code."""
    return Region.objects.filter(pk=code, is_open=True).first()


def price_rows(region: Region, channel: str, at: datetime) -> QuerySet[Price]:
    """Return the price in force of each package on offer, by number of coins."""
    return (
        _in_force(region, channel, at)
        .filter(package__is_offered=True)
        .select_related("package")
        .order_by("package_id", "-valid_from")
        .distinct("package_id")
    )


def price_of(region: Region, channel: str, at: datetime, *, package_id: int) -> Price | None:
    """Return the price in force of one package, None when it is not on offer here."""
    return price_rows(region, channel, at).filter(package_id=package_id).first()


def rate_for(region: Region, channel: str, at: datetime) -> Price | None:
    """Return the region's rate for exact amounts, None when it has none."""
    return _in_force(region, channel, at).filter(package=None).order_by("-valid_from").first()


def _in_force(region: Region, channel: str, at: datetime) -> QuerySet[Price]:
    return Price.objects.filter(
        region=region, channel=channel, currency=region.currency, valid_from__lte=at
    )


def card_in_force(at: datetime) -> RateCard | None:
    """Return the rate card under which gifts earn at that time."""
    return RateCard.objects.filter(effective_at__lte=at).order_by("-effective_at").first()


def fx(currency: str, at: datetime) -> FxRate:
    """Return the rate of a currency against the US dollar. Raises FxMissing, FxStale."""
    if currency == BASE_CURRENCY:
        return FxRate(currency=currency, per_usd=Decimal(1), quoted_at=at, source="By definition")
    rate = (
        FxRate.objects.filter(currency=currency, quoted_at__lte=at).order_by("-quoted_at").first()
    )
    if rate is None:
        raise FxMissing(f"There is no exchange rate for {currency}. Our staff have to add one.")
    if at - rate.quoted_at > timedelta(hours=settings.FX_MAX_AGE_HOURS):
        raise FxStale(
            f"The latest exchange rate for {currency} is of {rate.quoted_at:%d %B %Y}, and none is "
            f"used after {settings.FX_MAX_AGE_HOURS} hours. Our staff have to add a newer one."
        )
    return rate


def value_of_coins(region: Region, coins: int, at: datetime) -> Money | None:
    """What so many coins cost the viewer on the web, half-up; None where there is no rate."""
    rate = rate_for(region, Channel.WEB, at)
    return None if rate is None else value_at(rate, coins)


def value_at(rate: Price, coins: int) -> Money:
    """What so many coins cost at a rate read before, half-up: for pages with many prices."""
    return money.money(money.half_up(coins * rate.minor_per_coin), rate.currency)


def methods_for(region: Region) -> QuerySet[PaymentMethod]:
    """Return the ways to pay in a region; ``fees`` of each holds its fee in the currency."""
    fees = MethodFee.objects.filter(currency=region.currency)
    return (
        PaymentMethod.objects.filter(regions=region, is_offered=True)
        .prefetch_related(Prefetch("fees", queryset=fees))
        .order_by("code")
    )


def lots(*, user_id: int) -> QuerySet[Lot]:
    """Return the person's lots that have coins left, in the order they are spent."""
    return (
        Lot.objects.filter(
            account__owner_id=user_id, account__code=Account.Code.WALLET, remaining__gt=0
        )
        .select_related("purchase__method")
        .order_by("id")
    )


def refundable_until(purchase: Purchase) -> datetime | None:
    """Until when unused coins of a purchase can be given back, None if they cannot at all.

    The region's window, from the day after the payment (domain.md 8.6). Coins of a gift card go
    back where the card was bought.
    """
    days = purchase.region.withdrawal_days
    if purchase.paid_at is None or not days or purchase.channel == Channel.GIFT_CARD:
        return None
    return purchase.paid_at + timedelta(days=days + 1)


def all_lots(*, user_id: int, before: int | None = None) -> QuerySet[Lot]:
    """Return the person's lots, empty ones too, newest first, after the one named."""
    lots = Lot.objects.filter(account__owner_id=user_id, account__code=Account.Code.WALLET)
    if before is not None:
        lots = lots.filter(pk__lt=before)
    return lots.select_related("purchase__method", "purchase__region").order_by("-id")


def uses_of(lot: Lot, *, before: int | None = None) -> QuerySet[Transfer]:
    """Return what took coins out of the lot, newest first, after the one named."""
    moves = Transfer.objects.filter(lot=lot, debit_account_id=lot.account_id)
    if before is not None:
        moves = moves.filter(pk__lt=before)
    return moves.select_related("op").order_by("-id")


def purchase_of(*, user_id: int, purchase_id: UUID) -> Purchase | None:
    """Return the person's own purchase."""
    return (
        Purchase.objects.select_related("method", "region")
        .filter(pk=purchase_id, buyer_id=user_id)
        .first()
    )


def preferred_method(*, user_id: int) -> str:
    """The code of the method the person last paid with; empty before they did."""
    paid = Purchase.objects.filter(buyer_id=user_id, paid_at__isnull=False)
    return paid.order_by("-paid_at", "-pk").values_list("method_id", flat=True).first() or ""


def customer_ref(*, user_id: int, provider: str) -> str:
    """The buyer as a provider knows them since their last payment there; empty when it does not."""
    known = Purchase.objects.filter(buyer_id=user_id, method__provider=provider)
    latest = known.exclude(customer_ref="").order_by("-created_at", "-pk").first()
    return latest.customer_ref if latest else ""


def let_go(*, user_id: int, purchase_id: UUID) -> Purchase | None:
    """Return the person's own purchase that was let go because another region's price is right."""
    return (
        Purchase.objects.select_related("right_region")
        .filter(
            pk=purchase_id,
            buyer_id=user_id,
            state=Purchase.State.VOIDED,
            right_region__is_open=True,
        )
        .first()
    )


def open_purchases_of(*, user_id: int) -> QuerySet[Purchase]:
    """Return what the person has begun to buy and not yet got, newest first."""
    return Purchase.objects.filter(buyer_id=user_id, state__in=OPEN).order_by("-created_at", "id")


def spent_since(*, user_id: int, since: datetime) -> list[Money]:
    """What the person has paid for coins since then, one sum for each currency."""
    sums = (
        Purchase.objects.filter(
            buyer_id=user_id,
            state__in=(Purchase.State.PAID, Purchase.State.CREDITED),
            paid_at__gte=since,
        )
        .values("currency")
        .annotate(total=Sum("gross_minor"))
        .order_by("currency")
    )
    return [money.money(row["total"], row["currency"]) for row in sums]


def begun_between(*, user_id: int, since: datetime, until: datetime | None) -> dict[str, int]:
    """Sum what the person began to buy in between, did not leave and did not get back."""
    rows = Purchase.objects.filter(
        buyer_id=user_id, state__in=(*OPEN, Purchase.State.CREDITED), created_at__gt=since
    )
    if until is not None:
        rows = rows.filter(created_at__lte=until)
    return dict(
        rows.values("currency")
        .annotate(total=Sum(F("gross_minor") - reversals.returned_minor()))
        .order_by("currency")
        .values_list("currency", "total")
    )


def declines_since(*, user_id: int, since: datetime) -> int:
    """How many of the person's purchases the bank declined at least once since then."""
    return (
        Purchase.objects.filter(buyer_id=user_id, created_at__gt=since).exclude(failure="").count()
    )


def has_paid(*, user_id: int) -> bool:
    """Whether the person ever paid for coins."""
    return Purchase.objects.filter(buyer_id=user_id, paid_at__isnull=False).exists()


def latest_per_usd(currency: str, *, at: datetime) -> Decimal | None:
    """Return the latest rate, however old: for estimates that nothing is paid by."""
    if currency == BASE_CURRENCY:
        return Decimal(1)
    rates = FxRate.objects.filter(currency=currency, quoted_at__lte=at).order_by("-quoted_at")
    return rates.values_list("per_usd", flat=True).first()


def moves_of(purchase: Purchase) -> QuerySet[StateChange]:
    """Return the purchase's changes of state, first to last."""
    return state_changes(subject_type="wallet.purchase", subject_id=purchase.pk)


def state_changes(*, subject_type: str, subject_id: UUID) -> QuerySet[StateChange]:
    """Return the changes of state of a refund, a dispute or a purchase, first to last."""
    rows = StateChange.objects.filter(subject_type=subject_type, subject_id=str(subject_id))
    return rows.order_by("id")


def purchases_to_look_up(*, at: datetime) -> QuerySet[Purchase]:
    """Return the open purchases whose time to be looked up has come, longest waiting first.

    After each look the pause is half of the time the purchase has been open, within bounds.
    """
    half_its_age = ExpressionWrapper(
        (F("checked_at") - F("created_at")) / 2, output_field=DurationField()
    )
    pause = Least(
        Greatest(half_its_age, Value(PAUSE_MIN, DurationField())), Value(PAUSE_MAX, DurationField())
    )
    next_look = ExpressionWrapper(F("checked_at") + pause, output_field=DateTimeField())
    return (
        Purchase.objects.filter(state__in=OPEN)
        .alias(next_look=next_look)
        .filter(Q(checked_at=None, created_at__lte=at - FIRST_LOOK) | Q(next_look__lte=at))
        .order_by(F("checked_at").asc(nulls_first=True), "created_at", "id")
    )


def uncredited_purchases(*, at: datetime) -> QuerySet[Purchase]:
    """Return the purchases paid too long ago without coins, of which staff were not told yet.

    Money that was set aside for so long without being taken or let go is among them.
    """
    since = at - timedelta(seconds=settings.UNCREDITED_ALERT_S)
    is_late = Q(state=Purchase.State.PAID, paid_at__lte=since) | Q(
        state=Purchase.State.AUTHORISED, authorised_at__lte=since
    )
    return Purchase.objects.filter(is_late, alerted_at=None).order_by("created_at", "id")


def events_waiting() -> QuerySet[ProviderEvent]:
    """Return the notices nobody has acted on yet, in the order they came."""
    return ProviderEvent.objects.filter(handled_at=None).order_by("id")


def coins_left(*, purchase_id: UUID) -> int:
    """How many coins of a purchase were neither used nor given back."""
    left = Lot.objects.filter(purchase_id=purchase_id).values_list("remaining", flat=True)
    return left.first() or 0


def coins_owed(*, user_id: int) -> int:
    """How many coins somebody owes, because a payment was taken back after its coins were used."""
    owed = Balance.objects.filter(account__owner_id=user_id, account__code=Account.Code.COIN_DEBT)
    return sum(balance.debits - balance.credits for balance in owed)


def refunds_under_way(*, unchecked_since: datetime) -> list[UUID]:
    """Refunds approved or sent that nobody has looked at since, oldest first."""
    waiting = Refund.objects.filter(state__in=(Refund.State.APPROVED, Refund.State.SUBMITTED))
    unseen = waiting.filter(Q(checked_at=None) | Q(checked_at__lt=unchecked_since))
    return list(unseen.order_by("requested_at").values_list("pk", flat=True))


def disputes_under_way(*, unchecked_since: datetime) -> list[Dispute]:
    """Disputes that are not over and that nobody has looked at since, oldest first."""
    waiting = Dispute.objects.filter(state__in=Dispute.OPEN)
    unseen = waiting.filter(Q(checked_at=None) | Q(checked_at__lt=unchecked_since))
    return list(unseen.select_related("purchase__method").order_by("learnt_at"))


def creators_held_by(*, operation_id: UUID) -> list[tuple[int, int]]:
    """Whose diamonds a dispute made wait, and how many thousandths of each."""
    legs = Transfer.objects.filter(op_id=operation_id, code=Transfer.Code.DISPUTE_HOLD_DIAMONDS)
    held = legs.values("credit_account__owner_id").annotate(diamonds=Sum("amount"))
    return [(row["credit_account__owner_id"], row["diamonds"]) for row in held]


def recourse_for(*, ground: str, days: int) -> RecoursePolicy | None:
    """What creators bear: the ground's own policy before any other, the shortest age first."""
    fitting = RecoursePolicy.objects.filter(ground__in=(ground, ""), days_max__gte=days)
    return fitting.order_by("-ground", "days_max").first()


def purchase_paid_by(*, provider: str, payment_ref: str) -> Purchase | None:
    """The purchase that a provider's payment paid, None if it is not one of ours."""
    if not payment_ref:
        return None
    return Purchase.objects.filter(method__provider=provider, payment_ref=payment_ref).first()


def has_money_coming_back(*, user_id: int) -> bool:
    """Whether a refund or a dispute of somebody's purchases is under way."""
    refunds = Refund.objects.filter(purchase__buyer_id=user_id, state__in=Refund.OPEN)
    disputes = Dispute.objects.filter(purchase__buyer_id=user_id, state__in=Dispute.OPEN)
    return refunds.exists() or disputes.exists()
