"""The live room and the video: watch, choose a gift, send it, see it arrive.

Every page works without JavaScript: a form, an answer, the page again. With it the same doors
answer htmx with the parts that changed.
"""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from accounts import queries as people
from accounts.models import User
from accounts.risk import NotAllowed
from gifts import (
    clubs,
    crowd,
    held_pages,
    holding,
    passes,
    queries,
    risk,
    room_log,
    services,
    streaks,
    visit_pages,
)
from gifts.crowd import Joined
from gifts.forms import HIDES_NAME, SendForm
from gifts.models import Category, ChatMessage, HeldGift, Room, Video
from gifts.queries import FeedLine, Shown
from wallet import ledger, money
from wallet import queries as wallets

JUST_NOW: Final = timedelta(seconds=5)  # longer than a gift may wait for a lock


@require_safe
def room(request: HttpRequest, room_id: UUID) -> HttpResponse:
    return _show(request, _place(room_id=room_id))


@require_safe
def video(request: HttpRequest, video_id: UUID) -> HttpResponse:
    return _show(request, _place(video_id=video_id))


def _show(request: HttpRequest, place: Room | Video) -> HttpResponse:
    """Show the place, or to whom it is not for, how to come in."""
    viewer, at = _viewer(request), timezone.now()
    if _may_enter(request, place):
        return render(request, "gifts/place.html", _page(request, place))
    offer = clubs.offer_of(creator_id=place.creator_id)
    rate = queries.coin_rate(viewer=viewer, at=at)
    context = {
        "place": place,
        "kind": "live" if isinstance(place, Room) else "video",
        "offer": offer,
        "money": wallets.value_at(rate, offer.price_coins) if offer and rate else None,
    }
    return render(request, "gifts/members_only.html", context, status=403)


def send(request: HttpRequest, room_id: UUID) -> HttpResponse:
    return _send(request, _place(room_id=room_id))


def video_send(request: HttpRequest, video_id: UUID) -> HttpResponse:
    return _send(request, _place(video_id=video_id))


@require_POST
def end_streak(request: HttpRequest, room_id: UUID, streak_id: UUID) -> HttpResponse:
    """End the viewer's own combo; one that has ended, or never began, is nothing to speak of."""
    if not request.user.is_authenticated:
        return _sign_in(request, _place(room_id=room_id))
    streaks.end(streak_id=streak_id, sender_id=request.user.pk, at=timezone.now())
    return HttpResponse(status=204)


def _send(request: HttpRequest, place: Room | Video) -> HttpResponse:
    if not request.user.is_authenticated:
        return _sign_in(request, place)
    if request.method != "POST":
        return redirect(_address(place))
    form = SendForm(request.POST)
    if not form.is_valid():
        return _refuse(request, place, words=form.first_error())
    return _deliver(request, request.user, place, form.cleaned_data)


def _deliver(
    request: HttpRequest, sender: User, place: Room | Video, wanted: dict[str, Any]
) -> HttpResponse:
    _remember(request, hide_name=wanted["hide_name"])
    shown = queries.offer(version_id=wanted["gift"], viewer=sender, at=timezone.now())
    coins = shown.price_coins * wanted["quantity"] if shown else 0
    balance = wallets.coins(user_id=sender.pk)
    if shown and risk.confirm_from(sender) <= coins <= balance and not wanted["confirmed"]:
        return _confirm(request, place, shown, coins=coins, balance=balance, wanted=wanted)
    intent = _intent(place, sender_id=sender.pk, wanted=wanted)
    try:
        return _give(request, place, intent, shown, coins=coins)
    except ledger.InsufficientCoins:
        return _refuse_poor(request, place, coins=coins, balance=balance)
    except NotAllowed as refusal:
        remedy = reverse(refusal.remedy) if refusal.remedy else ""
        return _refuse(
            request, place, words=str(refusal), action_url=remedy, action="Open that page"
        )
    except streaks.StreakEnded as refusal:
        return trigger_client_event(_refuse(request, place, words=str(refusal)), "gift:late")
    except (risk.GiftRefused, ledger.OperationConflict, ledger.NoRateCard) as refusal:
        return _refuse(request, place, words=str(refusal))


def _remember(request: HttpRequest, *, hide_name: bool) -> None:
    """Keep the choice for the next form; the session is written only when it changes."""
    if request.session.get(HIDES_NAME, False) != hide_name:
        request.session[HIDES_NAME] = hide_name


def _give(
    request: HttpRequest,
    place: Room | Video,
    intent: services.Intent,
    shown: Shown | None,
    *,
    coins: int,
) -> HttpResponse:
    """Send it, or have it wait."""
    at = timezone.now()
    if holding.waits(coins=coins):
        return _held(request, place, holding.hold(intent=intent, at=at))
    sent = services.send_gift(**asdict(intent), at=at)
    words = _sent_words(place, shown, intent.quantity, sent)
    return _sent(request, place, f"{words} Your name is hidden." if intent.hide_name else words)


def _intent(place: Room | Video, *, sender_id: int, wanted: dict[str, Any]) -> services.Intent:
    return services.Intent(
        operation_id=wanted["operation_id"],
        sender_id=sender_id,
        gift_version_id=wanted["gift"],
        quantity=wanted["quantity"],
        room_id=place.pk if isinstance(place, Room) else None,
        video_id=place.pk if isinstance(place, Video) else None,
        streak_id=wanted["streak_id"],
        hide_name=wanted["hide_name"],
    )


def _held(request: HttpRequest, place: Room | Video, held: HeldGift) -> HttpResponse:
    """Say that the gift waits, and how to take it back."""
    name = held.gift_version.name
    if held.state != HeldGift.State.WAITING:
        words = f"{name}: {held.get_state_display().lower()}."
    elif held.review_id:
        words = f"A person looks at {name} first, within a day. You can take it back until then."
    else:
        words = (
            f"{name} is sent in {settings.GIFT_UNDO_S} seconds. You can take it back until then."
        )
    if not request.htmx:  # type: ignore[attr-defined]
        messages.success(request, words)
        return redirect(_address(place))
    context = {"place": place, "tone": "good", "words": words, "with_held": True}
    context |= held_pages.waiting(request) | {"operation_id": ledger.new_operation_id()}
    return render(request, "gifts/answer.html", context)


def _sent_words(
    place: Room | Video, shown: Shown | None, quantity: int, sent: services.Sent
) -> str:
    assert shown is not None, "a gift that was sent exists"
    what = shown.name if quantity == 1 else f"{quantity:,} × {shown.name}"
    if sent.replayed:
        return f"{what} was sent to {place.creator.display_name} already. It was sent once."
    return f"You sent {what} to {place.creator.display_name}. {sent.balance:,} coins left."


def _sent(request: HttpRequest, place: Room | Video, words: str) -> HttpResponse:
    if not request.htmx:  # type: ignore[attr-defined]
        messages.success(request, words)
        return redirect(_address(place))
    answer: dict[str, Any] = {"place": place, "operation_id": ledger.new_operation_id()}
    if isinstance(place, Video):  # a room's stream brings the lines to everyone alike
        lines = queries.latest_gifts(place=place, after=timezone.now() - JUST_NOW)
        answer["lines"] = _with_badges(place, lines)
    page = render(request, "gifts/answer.html", answer | {"tone": "good", "words": words})
    return trigger_client_event(page, "gift:sent")


def _refuse_poor(
    request: HttpRequest, place: Room | Video, *, coins: int, balance: int
) -> HttpResponse:
    """Say what is missing, and offer exactly that."""
    missing = coins - balance
    if missing <= 0:
        return _refuse(request, place, words="You have enough coins now. Send it again.")
    query = urlencode([("coins", missing), ("next", _address(place))])
    return _refuse(
        request,
        place,
        words=f"This costs {coins:,} coins and you have {balance:,}. Nothing was sent.",
        action_url=f"{reverse('wallet:packages')}?{query}",
        action=f"Get the missing {missing:,} {'coin' if missing == 1 else 'coins'}",
    )


def _refuse(
    request: HttpRequest, place: Room | Video, *, words: str, action_url: str = "", action: str = ""
) -> HttpResponse:
    """Explain; the form that comes with it has a new operation id."""
    answer = {"tone": "warn", "words": words, "action_url": action_url, "action": action}
    if not request.htmx and not _may_enter(request, place):  # type: ignore[attr-defined]
        return _show(request, place)
    if request.htmx:  # type: ignore[attr-defined]
        # The prices may be what changed, so the gifts come anew.
        return render(
            request, "gifts/answer.html", _panel(request, place) | answer | {"place": place}
        )
    return render(request, "gifts/place.html", _page(request, place) | answer, status=422)


def _confirm(
    request: HttpRequest,
    place: Room | Video,
    shown: Shown,
    *,
    coins: int,
    balance: int,
    wanted: dict[str, Any],
) -> HttpResponse:
    """Ask before a big gift: what it costs in coins and money, and what is left after."""
    rate = queries.coin_rate(viewer=_viewer(request), at=timezone.now())
    context = {
        "place": place,
        "send_url": _send_address(place),
        "place_url": _address(place),
        "gift": shown,
        "quantity": wanted["quantity"],
        "operation_id": wanted["operation_id"],
        "hide_name": wanted["hide_name"],
        "coins": coins,
        "money": wallets.value_at(rate, coins) if rate else None,
        "balance_after": balance - coins,
        "undo_s": settings.GIFT_UNDO_S if holding.waits(coins=coins) else 0,
    }
    page = "gifts/confirm_sheet.html" if request.htmx else "gifts/confirm.html"  # type: ignore[attr-defined]
    return render(request, page, context)


def _sign_in(request: HttpRequest, place: Room | Video) -> HttpResponse:
    answer = redirect_to_login(_address(place))
    return HttpResponseClientRedirect(answer.url) if request.htmx else answer  # type: ignore[attr-defined]


def _page(request: HttpRequest, place: Room | Video) -> dict[str, Any]:
    viewer, is_room = _viewer(request), isinstance(place, Room)
    is_open = not isinstance(place, Room) or place.state == Room.State.LIVE
    # How far the room is, asked before its lines are read, so that none is missed.
    events_url = _events_address(place, viewer) if is_room and is_open else ""
    crowd_now = _crowd(place, viewer) if isinstance(place, Room) and is_open else None
    page = {
        "crowd": crowd_now,
        "place": place,
        "lines": _lines(place),
        "operation_id": ledger.new_operation_id(),
        "kind": "live" if is_room else "video",
        "picture_url": place.stream_url if isinstance(place, Room) else place.video_url,
        "is_open": is_open,
        "is_owner": viewer is not None and viewer.pk == place.creator_id,
        "is_following": viewer is not None
        and people.is_following(fan_id=viewer.pk, creator_id=place.creator_id),
        "place_url": _address(place),
        "events_url": events_url,
        "summary": None if is_room and is_open else queries.summary(place=place),
        **held_pages.waiting(request),
        **visit_pages.meter(request),
        "ending": None if is_open else crowd.ending_of(room_id=place.pk),
    }
    return page | (_panel(request, place) if is_open and place.gifts_on else {})


def _may_enter(request: HttpRequest, place: Room | Video) -> bool:
    viewer_id = request.user.pk if request.user.is_authenticated else None
    return clubs.may_enter(place=place, viewer_id=viewer_id, at=timezone.now())


def _crowd(room: Room, viewer: User | None) -> crowd.Crowd:
    at = timezone.now()
    offered = queries.words_offered(at=at, viewer=viewer) if room.gifts_on else []
    return crowd.crowd_of(
        room=room,
        viewer_id=viewer.pk if viewer else None,
        words_offered=offered,
        message_id=ledger.new_operation_id(),
        at=at,
    )


def _lines(place: Room | Video) -> list[Any]:
    """What was given and said and who joined, in the order it happened."""
    lines: list[Any] = list(queries.latest_gifts(place=place))
    if isinstance(place, Room):
        lines += crowd.messages_of(room_id=place.pk) + crowd.joined_in(room_id=place.pk)
    lines.sort(key=_happened_at)
    return _with_badges(place, lines)


def _with_badges(place: Room | Video, lines: list[Any]) -> list[Any]:
    """Put beside each name what is worn there."""
    handles = [_handle(line) for line in lines]
    worn = clubs.badges(handles=handles, creator_id=place.creator_id, at=timezone.now())
    for line in lines:
        line.badge = worn.get(_handle(line))
    return lines


def _happened_at(line: FeedLine | ChatMessage | Joined) -> datetime:
    if isinstance(line, FeedLine):
        return line.sent_at
    return line.joined_at if isinstance(line, Joined) else line.said_at


def _handle(line: FeedLine | ChatMessage | Joined) -> str:
    if isinstance(line, FeedLine):
        return line.sender_handle
    if isinstance(line, Joined):
        return line.handle
    return "" if line.is_hidden else line.author.handle


def _events_address(place: Room | Video, viewer: User | None) -> str:
    after = room_log.last_number(room_id=place.pk)
    viewer_id = viewer.pk if viewer else None
    until = None
    if place.for_members and viewer_id:
        until = clubs.paid_until(fan_id=viewer_id, creator_id=place.creator_id, at=timezone.now())
    return passes.address(room_id=place.pk, user_id=viewer_id, after=after, until=until)


def _panel(request: HttpRequest, place: Room | Video) -> dict[str, Any]:
    viewer, at = _viewer(request), timezone.now()
    rate = queries.coin_rate(viewer=viewer, at=at)
    return {
        "gifts": queries.catalogue(
            at=at, viewer=viewer, on_videos=isinstance(place, Video), creator_id=place.creator_id
        ),
        "categories": Category.choices,
        "send_url": _send_address(place),
        "operation_id": ledger.new_operation_id(),
        "quantity_max": risk.QUANTITY_MAX,
        "confirm_coins": risk.confirm_from(viewer) if viewer else settings.GIFT_CONFIRM_COINS,
        "hide_name": request.session.get(HIDES_NAME, False),
        "rate": rate,
        "rate_decimals": money.decimals(rate.currency) if rate else 0,
    }


def _place(*, room_id: UUID | None = None, video_id: UUID | None = None) -> Room | Video:
    found = queries.place(room_id=room_id, video_id=video_id)
    if found is None:
        raise Http404
    return found


def _viewer(request: HttpRequest) -> User | None:
    return request.user if request.user.is_authenticated else None


def _address(place: Room | Video) -> str:
    name = "gifts:room" if isinstance(place, Room) else "gifts:video"
    return reverse(name, args=[place.pk])


def _send_address(place: Room | Video) -> str:
    name = "gifts:send" if isinstance(place, Room) else "gifts:video_send"
    return reverse(name, args=[place.pk])
