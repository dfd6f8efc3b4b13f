"""Gift cards for services: a code becomes a fan's coins, under that fan's consent.

Promises: redeeming needs the consent ``gift-cards:redeem``; one ``Idempotency-Key`` redeems once
and is the purchase's id; wrong codes are counted for the fan, whichever door they came through; an
answer never repeats a code.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import api as base
from accounts.models import Scope
from wallet import api as value
from wallet import gift_cards
from wallet.gift_card_forms import TYPED_LENGTH_MAX
from wallet.models import Purchase


class RedemptionAnswered(base.Answered):
    """The purchase that a card paid for. Its coins cannot be turned back into money."""

    id = serializers.UUIDField(help_text="Of the purchase.")
    fan = serializers.IntegerField(help_text="The fan's id.")
    coins = serializers.IntegerField()
    gross = value.MoneyAnswered(help_text="What the card cost its buyer.")
    tax = value.MoneyAnswered()
    redeemed_at = serializers.DateTimeField()


class RedemptionAsked(base.Asked):
    fan = base.PersonField()
    code = serializers.CharField(max_length=TYPED_LENGTH_MAX, help_text="As it is on the card.")


class Redemptions(base.Door):
    """Turning a gift card into a fan's coins, under that fan's consent."""

    scopes: ClassVar[Mapping[str, str]] = {"POST": "gift-cards:redeem"}

    @extend_schema(
        operation_id="gift_card_redemptions_create",
        parameters=[base.KEY],
        request=RedemptionAsked,
        responses={
            201: OpenApiResponse(
                RedemptionAnswered,
                description="The coins are in the fan's wallet. A retry is answered alike, with "
                "`Idempotent-Replayed: true`, and redeems nothing more.",
            )
        },
    )
    def post(self, request: Request) -> Response:
        purchase_id, at = base.idempotency_key(request), timezone.now()
        asked = self.asked(RedemptionAsked)
        fan = base.consenting(self, asked["fan"], Scope.GIFT_CARDS_REDEEM, at=at)
        given: dict[str, Any] = {"purchase_id": purchase_id, "user": fan, "typed": asked["code"]}
        is_replay = gift_cards.redeemed_before(**given) is not None
        purchase = gift_cards.redeem(**given, at=at)
        headers = {"Idempotent-Replayed": "true"} if is_replay else None
        return Response(_redemption(purchase), status=201, headers=headers)


def _redemption(purchase: Purchase) -> dict[str, Any]:
    return {
        "id": purchase.pk,
        "fan": purchase.buyer_id,
        "coins": purchase.coins,
        "gross": value.amount(purchase.money),
        "tax": value.amount(purchase.tax),
        "redeemed_at": purchase.paid_at,
    }
