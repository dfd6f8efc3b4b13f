"""Money that is set aside until it is known where the buyer is: then it is taken, or let go.

Promises: what is to be done with it is decided once, in the transaction that notes that it is
there, and kept on the purchase; doing it may be tried any number of times. No transaction is open
while the provider is asked.
"""

import logging
from datetime import datetime

from django.urls import reverse
from django_countries import countries

from accounts import services as people
from accounts import states
from accounts.models import NoticeKind
from wallet import locations, providers
from wallet.models import PaymentMethod, Purchase, Region
from wallet.providers.base import Declined, Payment

logger = logging.getLogger(__name__)

State = Purchase.State


def is_needed(*, method: PaymentMethod, pieces: locations.Pieces) -> bool:
    """Say whether money is only set aside at first: a card could decide, and the rail can do it."""
    rails = providers.load(method.provider).rails()
    rail = next((one for one in rails if one.code == method.rail), None)
    if rail is None or not rail.can_set_aside:
        return False
    return locations.card_decides(pieces=pieces, sold_in=locations.sold_in())


def record(purchase: Purchase, *, payment: Payment, at: datetime) -> None:
    """Note on a locked purchase that money is set aside, and decide. The caller saves it."""
    if purchase.state == State.AUTHORISED:
        return
    states.move(purchase, to=State.AUTHORISED, why=f"Set aside: {payment.payment_ref}", at=at)
    decision = judge(purchase, card_country=payment.card_country)
    if not decision.may_be_charged:
        purchase.right_region = Region.objects.filter(pk=decision.right).first()
    purchase.payment_ref = payment.payment_ref
    purchase.failure = purchase.checkout_url = ""
    purchase.authorised_at = at


def judge(purchase: Purchase, *, card_country: str) -> locations.Decision:
    """Keep on the purchase where its card is from and what follows. The caller saves it."""
    decision, purchase.evidence = locations.judged(
        purchase.evidence, charged=purchase.region_id, card=card_country
    )
    return decision


def carry_out(purchase: Purchase) -> None:
    """Take the money, or let it go, as was decided. Raises Unavailable.

    When the provider declines, nothing is believed but what it says about the payment afterwards.
    """
    provider = providers.load(purchase.method.provider)
    deed = provider.void if _is_to_go(purchase) else provider.capture
    try:
        deed(purchase.payment_ref, key=str(purchase.pk))
    except Declined as error:
        logger.warning("money set aside for %s: %s", purchase.pk, error)


def record_gone(purchase: Purchase, *, why: str, at: datetime) -> None:
    """Note on a locked purchase that the money is not set aside any more, and tell the buyer."""
    if _is_to_go(purchase):
        states.move(purchase, to=State.VOIDED, why="Let go: another region's price.", at=at)
    else:
        states.move(purchase, to=State.FAILED, why=why or "The bank took it back.", at=at)
    body = f"You have not been charged. {why_let_go(purchase)}"
    people.notify(
        user_id=purchase.buyer_id,
        kind=NoticeKind.PURCHASE,
        subject_key=f"purchase:{purchase.pk}:let-go",
        title=f"Your payment for {purchase.coins:,} coins was let go",
        body=body.strip(),
        path=reverse("wallet:return_page", args=[purchase.pk]),
    )


def why_let_go(purchase: Purchase) -> str:
    """Say in the buyer's words what did not fit; nothing when it was not about where they are."""
    if not _is_to_go(purchase):
        return ""
    card = purchase.evidence.get("card_country", "")
    issued = countries.name(card) or "another country"
    fact = f"The card was issued in {issued}, and you bought at the price for {purchase.region}."
    if purchase.right_region is not None:
        return f"{fact} You can buy the same coins at the price for {purchase.right_region}."
    return f"{fact} Coins are not sold there. Pay with a card of your own country."


def _is_to_go(purchase: Purchase) -> bool:
    return bool(purchase.evidence.get("verdict") == locations.Verdict.CONFLICT)
