"""Fan clubs and memberships: a creator's club, becoming a member, one's own clubs, the studio's.

Every page works without JavaScript. Paying asks on a page of its own, with the price in coins and
in the fan's money, and goes once per operation id.
"""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts import queries as people
from accounts.models import User
from accounts.risk import NotAllowed
from gifts import clubs, levels, memberships, queries, risk
from gifts.club_forms import MemberForm, OfferForm
from gifts.forms import HIDES_NAME
from gifts.models import MembershipOffer
from wallet import ledger
from wallet import queries as wallets

REFUSALS = (
    memberships.NoMembership,
    memberships.MembershipPriceChanged,
    memberships.PaidFarAhead,
    risk.GiftRefused,
    ledger.OperationConflict,
    ledger.NoRateCard,
)


@require_safe
def club(request: HttpRequest, handle: str) -> HttpResponse:
    """A creator's club: what it is, where the viewer stands in it, and how to join."""
    return render(request, "gifts/club.html", _club(request, _creator(handle)))


def _club(request: HttpRequest, creator: User) -> dict[str, Any]:
    viewer, at = _viewer(request), timezone.now()
    viewer_id = viewer.pk if viewer else None
    return {
        "creator": creator,
        "is_self": viewer_id == creator.pk,
        "standing": clubs.standing_of(fan_id=viewer_id, creator_id=creator.pk, at=at),
        "members": clubs.members_count(creator_id=creator.pk),
        "named": clubs.named_members(creator_id=creator.pk),
        "gifts": queries.gifts_of_clubs(at=at),
        "join": queries.join_gift(at=at),
        "room": queries.live_room_of(creator_id=creator.pk),
        "paused_days": clubs.PAUSED_AFTER.days,
        "levels": list(enumerate(levels.CLUB_LEVELS, start=1)),
        **_membership(viewer, creator),
    }


def _membership(viewer: User | None, creator: User) -> dict[str, Any]:
    at = timezone.now()
    offer = clubs.offer_of(creator_id=creator.pk)
    rate = queries.coin_rate(viewer=viewer, at=at)
    return {
        "offer": offer,
        "money": wallets.value_at(rate, offer.price_coins) if offer and rate else None,
        "paid_until": viewer and clubs.paid_until(fan_id=viewer.pk, creator_id=creator.pk, at=at),
    }


@login_required
def membership(request: HttpRequest, handle: str) -> HttpResponse:
    """Ask before a month is paid; pay it."""
    viewer, creator = _viewer(request), _creator(handle)
    assert viewer is not None, "signed in"
    form = MemberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _buy(request, viewer, creator, form.cleaned_data)
    return _ask(request, viewer, creator)


def _ask(
    request: HttpRequest, viewer: User, creator: User, *, words: str = "", **more: Any
) -> HttpResponse:
    facts = _membership(viewer, creator)
    offer: MembershipOffer | None = facts["offer"]
    if offer is None:
        messages.warning(request, f"{creator.display_name} offers no membership at the moment.")
        return redirect("gifts:club", creator.handle)
    context = {
        "creator": creator,
        "operation_id": ledger.new_operation_id(),
        "ends_at": memberships.month_after(facts["paid_until"] or timezone.now()),
        "balance_after": wallets.coins(user_id=viewer.pk) - offer.price_coins,
        "words": words,
        "hide_name": request.session.get(HIDES_NAME, False),
        **facts,
        **more,
    }
    return render(request, "gifts/membership.html", context, status=422 if words else 200)


def _buy(request: HttpRequest, viewer: User, creator: User, wanted: dict[str, Any]) -> HttpResponse:
    operation_id: UUID = wanted["operation_id"]
    try:
        bought = memberships.buy(
            operation_id=operation_id,
            fan_id=viewer.pk,
            creator_id=creator.pk,
            price_coins=wanted["price_coins"],
            hide_name=wanted["hide_name"],
            at=timezone.now(),
        )
    except ledger.InsufficientCoins as refusal:
        return _refuse_poor(request, viewer, creator, wanted["price_coins"] - refusal.balance)
    except NotAllowed as refusal:
        remedy = reverse(refusal.remedy) if refusal.remedy else ""
        return _ask(
            request,
            viewer,
            creator,
            words=str(refusal),
            action_url=remedy,
            action="Open that page",
        )
    except REFUSALS as refusal:
        return _ask(request, viewer, creator, words=str(refusal))
    until = bought.entitlement.ends_at
    assert until is not None, "a membership has an end"
    messages.success(
        request,
        f"You are a member of {creator.display_name} until {until:%-d %B %Y}."
        + (" This month was paid once." if bought.replayed else ""),
    )
    return redirect("gifts:club", creator.handle)


def _refuse_poor(request: HttpRequest, viewer: User, creator: User, missing: int) -> HttpResponse:
    """Say what is missing, and offer exactly that."""
    here = reverse("gifts:membership", args=[creator.handle])
    query = urlencode([("coins", missing), ("next", here)])
    return _ask(
        request,
        viewer,
        creator,
        words="You do not have enough coins for this. Nothing was paid.",
        action_url=f"{reverse('wallet:packages')}?{query}",
        action=f"Get the missing {missing:,} {'coin' if missing == 1 else 'coins'}",
    )


@require_safe
@login_required
def own_clubs(request: HttpRequest) -> HttpResponse:
    """The fan's level, clubs and memberships."""
    viewer, at = _viewer(request), timezone.now()
    assert viewer is not None, "signed in"
    context = {
        "progress": levels.fan_progress(clubs.coins_given(fan_id=viewer.pk)),
        "levels": list(enumerate(levels.FAN_LEVELS, start=1)),
        "clubs": clubs.clubs_of(fan_id=viewer.pk, at=at),
        "memberships": clubs.memberships_of(fan_id=viewer.pk, at=at),
        "paused_days": clubs.PAUSED_AFTER.days,
    }
    return render(request, "gifts/own_clubs.html", context)


@login_required
def studio_club(request: HttpRequest) -> HttpResponse:
    """The creator's club, and the membership they offer."""
    me = _viewer(request)
    assert me is not None, "signed in"
    if not me.is_creator:
        return render(request, "gifts/studio_closed.html", status=403)
    offer = MembershipOffer.objects.filter(pk=me.pk).first()
    initial = {
        "is_on": offer.is_on if offer else False,
        "price_coins": offer.price_coins if offer else MembershipOffer.PRICES[1],
        "words": offer.words if offer else "",
    }
    form = OfferForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            memberships.set_offer(creator_id=me.pk, at=timezone.now(), **form.cleaned_data)
        except (memberships.NotAnOffer, risk.CreatorClosed, NotAllowed) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Your membership is saved.")
            return redirect("gifts:studio_club")
    counts = clubs.counts_of(creator_id=me.pk, at=timezone.now())
    context = {"form": form, "counts": counts, "me": me}
    return render(request, "gifts/studio_club.html", context, status=422 if form.is_bound else 200)


def _creator(handle: str) -> User:
    creator = people.creator(handle=handle)
    if creator is None:
        raise Http404
    return creator


def _viewer(request: HttpRequest) -> User | None:
    return request.user if request.user.is_authenticated else None
