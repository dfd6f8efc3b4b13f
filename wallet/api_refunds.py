"""What a fan bought, holds and gives back, for services: under that fan's consent.

Promises: reads need the consent ``balance:read`` and asking for a refund ``refunds:ask``; one
``Idempotency-Key`` asks once and is the refund's id; who is unknown and who has not allowed the
service get the same answer.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import api as base
from accounts.models import Scope
from wallet import api as value
from wallet import books, refunds, reversals
from wallet.models import Purchase, Refund


class OfferAnswered(base.Answered):
    """What of a purchase can be given back now; with no coins, ``why_not`` says why."""

    coins = serializers.IntegerField()
    amount = value.MoneyAnswered()
    until = serializers.DateTimeField(allow_null=True)
    is_goodwill = serializers.BooleanField(help_text="The law gives no such right; the site does.")
    why_not = serializers.CharField(allow_blank=True)


class PurchaseAnswered(base.Answered):
    id = serializers.UUIDField()
    coins = serializers.IntegerField()
    gross = value.MoneyAnswered()
    tax = value.MoneyAnswered()
    method = serializers.CharField()
    paid_at = serializers.DateTimeField(allow_null=True)
    refundable = OfferAnswered()


class PurchasesAnswered(base.Answered):
    results = PurchaseAnswered(many=True)
    next = serializers.CharField(allow_null=True)


class LotAnswered(base.Answered):
    """Coins of one payment. No price: nobody paid for them."""

    purchase = serializers.UUIDField(allow_null=True)
    bought_at = serializers.DateTimeField()
    coins = serializers.IntegerField()
    left = serializers.IntegerField()
    price = value.MoneyAnswered(allow_null=True)


class LotsAnswered(base.Answered):
    results = LotAnswered(many=True)


class RefundAnswered(base.Answered):
    id = serializers.UUIDField()
    fan = serializers.IntegerField(help_text="The fan's id.")
    purchase = serializers.UUIDField()
    coins = serializers.IntegerField(help_text="Asked for.")
    approved_coins = serializers.IntegerField(allow_null=True)
    amount = value.MoneyAnswered()
    ground = serializers.ChoiceField(Refund.Ground.choices)
    words = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(Refund.State.choices)
    reason = serializers.CharField(allow_blank=True, help_text="Of the decision, for the fan.")
    requested_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(help_text="By then the money is on its way.")
    decided_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class RefundsAnswered(base.Answered):
    results = RefundAnswered(many=True)
    next = serializers.CharField(allow_null=True)


class FanQuery(base.Asked):
    fan = base.PersonField()


class FanPageQuery(base.PageQuery):
    fan = base.PersonField()


class RefundAsked(base.Asked):
    fan = base.PersonField()
    purchase = serializers.UUIDField()
    coins = serializers.IntegerField(min_value=1, max_value=value.COINS_ASKED_MAX)
    ground = serializers.ChoiceField(Refund.Ground.choices)
    words = serializers.CharField(required=False, default="", allow_blank=True, max_length=500)


class Purchases(base.Door):
    """What a fan bought, newest first, and what of it can be given back."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "balance:read"}

    @extend_schema(
        operation_id="purchases_list", parameters=[FanPageQuery], responses=PurchasesAnswered
    )
    def get(self, _request: Request) -> Response:
        asked, at = self.asked(FanPageQuery), timezone.now()
        fan = base.consenting(self, asked["fan"], Scope.BALANCE_READ, at=at)
        after = base.read_cursor(asked.get("after"), UUID)
        rows = reversals.bought_by(
            user_id=fan.pk, before=after[0] if after else None, limit=asked["limit"] + 1
        )
        return Response(
            base.page(
                refunds.offers(purchases=rows, at=at),
                limit=asked["limit"],
                shown=_purchase,
                cursor=lambda offer: base.cursor_of(offer.purchase.pk),
            )
        )


class Lots(base.Door):
    """The payments whose coins a fan still holds, in the order they are spent."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "balance:read"}

    @extend_schema(operation_id="lots_list", parameters=[FanQuery], responses=LotsAnswered)
    def get(self, _request: Request) -> Response:
        asked = self.asked(FanQuery)
        fan = base.consenting(self, asked["fan"], Scope.BALANCE_READ, at=timezone.now())
        return Response({"results": [_lot(lot) for lot in books.lots(user_id=fan.pk)]})


class Refunds(base.Door):
    """What a fan asked to give back; asking for more, under that fan's consent."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "balance:read", "POST": "refunds:ask"}

    @extend_schema(
        operation_id="refunds_list", parameters=[FanPageQuery], responses=RefundsAnswered
    )
    def get(self, _request: Request) -> Response:
        asked = self.asked(FanPageQuery)
        fan = base.consenting(self, asked["fan"], Scope.BALANCE_READ, at=timezone.now())
        after = base.read_cursor(asked.get("after"), datetime.fromisoformat, UUID)
        rows = reversals.page_of_refunds(user_id=fan.pk, after=after, limit=asked["limit"] + 1)
        return Response(
            base.page(
                rows,
                limit=asked["limit"],
                shown=_refund,
                cursor=lambda row: base.cursor_of(row.requested_at.isoformat(), row.pk),
            )
        )

    @extend_schema(
        operation_id="refunds_create",
        parameters=[base.KEY],
        request=RefundAsked,
        responses={
            201: OpenApiResponse(
                RefundAnswered,
                description="Asked for, and the coins set aside. A retry is answered with how it "
                "stands by then, and `Idempotent-Replayed: true`.",
            )
        },
    )
    def post(self, request: Request) -> Response:
        refund_id, at = base.idempotency_key(request), timezone.now()
        asked = self.asked(RefundAsked)
        fan = base.consenting(self, asked["fan"], Scope.REFUNDS_ASK, at=at)
        is_replay = reversals.refunds_of(user_id=fan.pk).filter(pk=refund_id).exists()
        try:
            refund = refunds.request(
                refund_id=refund_id,
                user=fan,
                purchase_id=asked["purchase"],
                coins=asked["coins"],
                ground=asked["ground"],
                words=asked["words"],
                at=at,
            )
        except Purchase.DoesNotExist:
            raise NotFound("The fan has no such purchase.") from None
        made = reversals.refunds_of(user_id=fan.pk).get(pk=refund.pk)
        headers = {"Idempotent-Replayed": "true"} if is_replay else None
        return Response(_refund(made), status=201, headers=headers)


class OneRefund(base.Door):
    """How one refund stands."""

    scopes: ClassVar[Mapping[str, str]] = {"GET": "balance:read"}

    @extend_schema(operation_id="refunds_retrieve", responses=RefundAnswered)
    def get(self, _request: Request, refund_id: UUID) -> Response:
        self.asked(base.NoQuery)
        found = Refund.objects.select_related("purchase").filter(pk=refund_id).first()
        fan_id = found.purchase.buyer_id if found else 0
        base.consenting(self, fan_id, Scope.BALANCE_READ, at=timezone.now())
        assert found is not None, "nobody has the id 0"
        return Response(_refund(found))


def _purchase(offer: refunds.Offer) -> dict[str, Any]:
    purchase = offer.purchase
    return {
        "id": purchase.pk,
        "coins": purchase.coins,
        "gross": value.amount(purchase.money),
        "tax": value.minor_amount(purchase.tax_minor, purchase.currency),
        "method": purchase.method_id,
        "paid_at": purchase.paid_at,
        "refundable": {
            "coins": offer.coins,
            "amount": value.amount(offer.money),
            "until": offer.until,
            "is_goodwill": offer.is_goodwill,
            "why_not": offer.why_not,
        },
    }


def _lot(lot: books.LotLeft) -> dict[str, Any]:
    return {
        "purchase": lot.purchase_id,
        "bought_at": lot.bought_at,
        "coins": lot.coins,
        "left": lot.left,
        "price": None if lot.price is None else value.amount(lot.price),
    }


def _refund(refund: Refund) -> dict[str, Any]:
    return {
        "id": refund.pk,
        "fan": refund.purchase.buyer_id,
        "purchase": refund.purchase_id,
        "coins": refund.coins,
        "approved_coins": refund.approved_coins,
        "amount": value.amount(refund.money),
        "ground": refund.ground,
        "words": refund.words,
        "state": refund.state,
        "reason": refund.reason,
        "requested_at": refund.requested_at,
        "due_at": refund.due_at,
        "decided_at": refund.decided_at,
        "ended_at": refund.ended_at,
    }
