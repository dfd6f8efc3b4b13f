"""Value for services: rate cards, packages, a consenting fan's balance, the seals.

Promises: the same prices, fees and cards that purchases and gifts use; a fan's coins only under
that fan's consent. Coins are whole numbers; diamonds are decimal strings of three places; money is
an amount in minor units with its currency and that currency's decimals.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.utils import timezone
from djmoney.money import Money
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import api as base
from accounts import consents
from accounts import queries as people
from accounts.models import Scope
from wallet import money as units
from wallet import offers, pricebook, queries, quotes, rates, seals
from wallet.models import Channel, HoldClass, Region

REGION_CODE: Final = r"^[A-Z0-9_-]{1,8}$"
PACKAGE_MAX: Final = 2**63 - 1
COINS_ASKED_MAX: Final = 10**9  # what is sold is less; a bound for what is read
CARD_STATES: Final = ("in_force", "announced", "past")


class MoneyAnswered(base.Answered):
    """Money: `amount_minor` is whole, in units of `decimals` places of `currency` (ISO 4217)."""

    amount_minor = serializers.IntegerField()
    currency = serializers.CharField()
    decimals = serializers.IntegerField()


class DiamondsField(serializers.DecimalField):
    """Diamonds, as text with three places: 1234.500."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=19, decimal_places=3, **options)


class HoldAnswered(base.Answered):
    payment = serializers.ChoiceField([hold.name.lower() for hold in HoldClass])
    days = serializers.IntegerField()


class CardAnswered(base.Answered):
    id = serializers.IntegerField()
    name = serializers.CharField()
    state = serializers.ChoiceField(CARD_STATES)
    diamonds_per_coin = DiamondsField()
    diamond_usd = serializers.DecimalField(max_digits=12, decimal_places=6)
    holds = HoldAnswered(many=True)
    first_payouts_days = serializers.IntegerField(
        help_text="Any hold is at least so long until three payouts have reached the creator."
    )
    notice_days = serializers.IntegerField()
    announced_at = serializers.DateTimeField()
    effective_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)


class CardsAnswered(base.Answered):
    results = CardAnswered(many=True)


class RegionAnswered(base.Answered):
    code = serializers.CharField()
    name = serializers.CharField()
    currency = serializers.CharField()
    tax_bps = serializers.IntegerField(help_text="In hundredths of a percent.")
    tax_name = serializers.CharField()
    tax_is_included = serializers.BooleanField(help_text="Whether prices are shown with it.")
    withdrawal_days = serializers.IntegerField(help_text="So long unused coins can be given back.")
    is_goodwill = serializers.BooleanField(help_text="The law gives no such right; the site does.")
    refund_days = serializers.IntegerField(help_text="Working days until the money is on its way.")
    age_min = serializers.IntegerField(help_text="The youngest buyer, in years.")


class MethodAnswered(base.Answered):
    """One way to pay, and what is paid by it."""

    code = serializers.CharField()
    name = serializers.CharField()
    is_offered = serializers.BooleanField()
    why_not = serializers.CharField(allow_blank=True)
    from_coins = serializers.IntegerField(allow_null=True, help_text="The method's minimum.")
    gross = MoneyAnswered()
    tax = MoneyAnswered()


class BasketAnswered(base.Answered):
    """A number of coins: its price as listed, and what a creator gets when all are given."""

    coins = serializers.IntegerField()
    package = serializers.IntegerField(allow_null=True)
    price = MoneyAnswered()
    creator = MoneyAnswered()
    methods = MethodAnswered(many=True)


class PriceChangeAnswered(base.Answered):
    """A price that is announced and not in force yet; without a package, the rate by the coin."""

    package = serializers.IntegerField(allow_null=True)
    channel = serializers.ChoiceField(Channel.values)
    coins = serializers.IntegerField()
    before = MoneyAnswered()
    price = MoneyAnswered()
    valid_from = serializers.DateTimeField()


class PackagesAnswered(base.Answered):
    region = RegionAnswered()
    results = BasketAnswered(many=True)
    changes = PriceChangeAnswered(many=True)


class BalanceAnswered(base.Answered):
    fan = serializers.IntegerField(help_text="The fan's id.")
    coins = serializers.IntegerField()


class SealAnswered(base.Answered):
    period = serializers.IntegerField()
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField()
    transfers = serializers.IntegerField()
    sums = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="By unit: 1 coins, 2 thousandths of diamonds, else ISO 4217 number, minor units.",
    )
    before = serializers.CharField(allow_blank=True, help_text="The seal of the period before.")
    header = serializers.CharField(help_text="What the first hash covers, after `before`.")
    seal = serializers.CharField(help_text="SHA-256, hexadecimal.")


class SealsAnswered(base.Answered):
    results = SealAnswered(many=True)
    next = serializers.CharField(allow_null=True)


class PackagesQuery(base.Asked):
    region = serializers.RegexField(REGION_CODE, help_text="A region's code, as DE.")


class RateCards(base.Door):
    """Every rate card: in force, announced and past."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "prices:read"}

    @extend_schema(operation_id="rate_cards_list", responses=CardsAnswered)
    def get(self, _request: Request) -> Response:
        return _cards(self)


class LedgerRateCards(base.Door):
    """The same cards, for who reads the ledger."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "ledger:read"}

    @extend_schema(operation_id="ledger_rate_cards_list", responses=CardsAnswered)
    def get(self, _request: Request) -> Response:
        return _cards(self)


class Packages(base.Door):
    """What coins are sold in one tap in a region, on the web."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "prices:read"}

    @extend_schema(
        operation_id="packages_list", parameters=[PackagesQuery], responses=PackagesAnswered
    )
    def get(self, _request: Request) -> Response:
        asked = self.asked(PackagesQuery)
        now = timezone.now()
        till = quotes.till_of(region=region_or_404(asked["region"]), at=now)
        changes = pricebook.changes_to_come(at=now, region=till.region)
        return Response(
            {
                "region": region(till.region),
                "results": [basket_of(basket) for basket in till.packages()],
                "changes": [_change(change) for change in changes],
            }
        )


class FanBalance(base.Door):
    """How many coins a fan has, under their consent ``balance:read``."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "balance:read"}

    @extend_schema(operation_id="fans_balance", responses=BalanceAnswered)
    def get(self, _request: Request, fan: str) -> Response:
        self.asked(base.NoQuery)
        found = people.person(people.reference(fan))
        if found is None:  # the same answer as for somebody who has not allowed it
            raise consents.missing(Scope.BALANCE_READ)
        consents.check(
            fan_id=found.pk, client_id=self.client_id, scope=Scope.BALANCE_READ, at=timezone.now()
        )
        return Response({"fan": found.pk, "coins": queries.coins(user_id=found.pk)})


class Seals(base.Door):
    """The ledger's public seals, newest first."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "ledger:read"}

    @extend_schema(
        operation_id="ledger_seals_list", parameters=[base.PageQuery], responses=SealsAnswered
    )
    def get(self, _request: Request) -> Response:
        asked = self.asked(base.PageQuery)
        after = base.read_cursor(asked.get("after"), base.whole)
        rows = seals.latest(before=after[0] if after else None, limit=asked["limit"] + 1)
        return Response(
            base.page(
                rows,
                limit=asked["limit"],
                shown=seals.Seal.as_json,
                cursor=lambda row: base.cursor_of(row.period),
            )
        )


def amount(value: Money) -> dict[str, Any]:
    """Write money as the API does."""
    currency = str(value.currency)
    return minor_amount(units.minor(value), currency)


def minor_amount(amount_minor: int, currency: str) -> dict[str, Any]:
    """Write minor units as the API does."""
    return {
        "amount_minor": amount_minor,
        "currency": currency,
        "decimals": units.decimals(currency),
    }


def diamonds(milli: int) -> str:
    """Write diamonds as the API does: three places."""
    whole, rest = divmod(abs(milli), units.MILLI)
    return f"{'-' if milli < 0 else ''}{whole}.{rest:03}"


def _cards(door: base.Door) -> Response:
    door.asked(base.NoQuery)
    found = rates.cards(at=timezone.now())
    in_force = [found.in_force] if found.in_force else []
    groups = zip(CARD_STATES, (in_force, found.announced, found.past), strict=True)
    return Response({"results": [_card(line, state) for state, lines in groups for line in lines]})


def _card(line: rates.CardLine, state: str) -> dict[str, Any]:
    card = line.card
    return {
        "id": card.pk,
        "name": card.name,
        "state": state,
        "diamonds_per_coin": diamonds(line.diamonds_per_coin_milli),
        "diamond_usd": f"{card.diamond_usd:f}",
        "holds": [
            {"payment": hold.name.lower(), "days": card.hold_days[str(hold.value)]}
            for hold in HoldClass
        ],
        "first_payouts_days": line.first_days,
        "notice_days": card.notice_days,
        "announced_at": card.announced_at,
        "effective_at": card.effective_at,
        "ends_at": line.ends_at,
    }


def region_or_404(code: str) -> Region:
    """Find a region that sells coins. Raises NotFound."""
    found = queries.open_region(code)
    if found is None:
        raise NotFound("Coins are sold in no such region.")
    return found


def region(found: Region) -> dict[str, Any]:
    """Write a region as the API does."""
    return {
        "code": found.pk,
        "name": found.name,
        "currency": found.currency,
        "tax_bps": found.tax_bps,
        "tax_name": found.tax_name,
        "tax_is_included": found.tax_is_included,
        "withdrawal_days": found.withdrawal_days,
        "is_goodwill": found.is_goodwill,
        "refund_days": found.refund_days,
        "age_min": found.age_min,
    }


def _change(change: pricebook.Change) -> dict[str, Any]:
    return {
        "package": change.price.package_id,
        "channel": change.price.channel,
        "coins": change.price.coins,
        "before": amount(change.was),
        "price": amount(change.price.money),
        "valid_from": change.price.valid_from,
    }


def basket_of(basket: quotes.Basket) -> dict[str, Any]:
    """Write a number of coins with its price and the ways to pay."""
    currency = basket.till.region.currency
    return {
        "coins": basket.coins,
        "package": basket.package_id,
        "price": amount(basket.listed),
        "creator": minor_amount(basket.creator_minor, currency),
        "methods": [_method(offer, currency) for offer in basket.offers],
    }


def _method(offer: offers.Offer, currency: str) -> dict[str, Any]:
    return {
        "code": offer.code,
        "name": offer.method.name,
        "is_offered": offer.is_offered,
        "why_not": offer.why_not,
        "from_coins": offer.from_coins,
        "gross": minor_amount(offer.charge.gross_minor, currency),
        "tax": minor_amount(offer.charge.tax_minor, currency),
    }
