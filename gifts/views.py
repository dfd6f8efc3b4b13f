"""The live room and the video: watch, choose a gift, send it, see it arrive.

Every page works without JavaScript: a form, an answer, the page again. With it the same doors
answer htmx with the parts that changed.
"""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh

from accounts import queries as people
from accounts.models import User
from accounts.risk import NotAllowed
from gifts import crowd, passes, queries, risk, room_log, services
from gifts.forms import SendForm
from gifts.models import Category, Room, Video
from gifts.queries import Shown
from wallet import ledger, money
from wallet import queries as wallets

FEED_EVERY_S: Final = 2
FEED_OVERLAP: Final = timedelta(seconds=5)  # longer than a gift may wait for a lock


@require_safe
def room(request: HttpRequest, room_id: UUID) -> HttpResponse:
    return render(request, "gifts/place.html", _page(request, _place(room_id=room_id)))


@require_safe
def video(request: HttpRequest, video_id: UUID) -> HttpResponse:
    return render(request, "gifts/place.html", _page(request, _place(video_id=video_id)))


def send(request: HttpRequest, room_id: UUID) -> HttpResponse:
    return _send(request, _place(room_id=room_id))


def video_send(request: HttpRequest, video_id: UUID) -> HttpResponse:
    return _send(request, _place(video_id=video_id))


@require_safe
def room_feed(request: HttpRequest, room_id: UUID) -> HttpResponse:
    """The gifts sent since the last look, and when to look again. A room that ended is reloaded."""
    place = _place(room_id=room_id)
    assert isinstance(place, Room), "a room was asked for"
    if place.state == Room.State.ENDED:
        return HttpResponseClientRefresh()
    try:
        after = parse_datetime(request.GET.get("after", ""))
    except ValueError:
        after = None
    if after is None or timezone.is_naive(after):
        after = timezone.now() - FEED_OVERLAP
    return render(
        request,
        "gifts/feed.html",
        _feed(place, lines=queries.latest_gifts(place=place, after=after)),
    )


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
    shown = queries.offer(version_id=wanted["gift"], viewer=sender, at=timezone.now())
    coins = shown.price_coins * wanted["quantity"] if shown else 0
    balance = wallets.coins(user_id=sender.pk)
    if shown and settings.GIFT_CONFIRM_COINS <= coins <= balance and not wanted["confirmed"]:
        return _confirm(request, place, shown, coins=coins, balance=balance, wanted=wanted)
    try:
        sent = _try(place, sender_id=sender.pk, wanted=wanted)
    except ledger.InsufficientCoins:
        return _refuse_poor(request, place, coins=coins, balance=balance)
    except NotAllowed as refusal:
        remedy = reverse(refusal.remedy) if refusal.remedy else ""
        return _refuse(
            request, place, words=str(refusal), action_url=remedy, action="Open that page"
        )
    except (risk.GiftRefused, ledger.OperationConflict, ledger.NoRateCard) as refusal:
        return _refuse(request, place, words=str(refusal))
    return _sent(request, place, _sent_words(place, shown, wanted["quantity"], sent))


def _try(place: Room | Video, *, sender_id: int, wanted: dict[str, Any]) -> services.Sent:
    return services.send_gift(
        operation_id=wanted["operation_id"],
        sender_id=sender_id,
        gift_version_id=wanted["gift"],
        quantity=wanted["quantity"],
        room_id=place.pk if isinstance(place, Room) else None,
        video_id=place.pk if isinstance(place, Video) else None,
        at=timezone.now(),
    )


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
    lines = queries.latest_gifts(place=place, after=timezone.now() - FEED_OVERLAP)
    return render(
        request, "gifts/answer.html", _feed(place, lines=lines) | {"tone": "good", "words": words}
    )


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
        "coins": coins,
        "money": wallets.value_at(rate, coins) if rate else None,
        "balance_after": balance - coins,
    }
    page = "gifts/confirm_sheet.html" if request.htmx else "gifts/confirm.html"  # type: ignore[attr-defined]
    return render(request, page, context)


def _sign_in(request: HttpRequest, place: Room | Video) -> HttpResponse:
    answer = redirect_to_login(_address(place))
    return HttpResponseClientRedirect(answer.url) if request.htmx else answer  # type: ignore[attr-defined]


def _page(request: HttpRequest, place: Room | Video) -> dict[str, Any]:
    viewer, is_room = _viewer(request), isinstance(place, Room)
    is_open = not isinstance(place, Room) or place.state == Room.State.LIVE
    crowd_now = _crowd(place, viewer) if isinstance(place, Room) and is_open else None
    page = _feed(place, lines=_lines(place)) | {
        "crowd": crowd_now,
        "kind": "live" if is_room else "video",
        "picture_url": place.stream_url if isinstance(place, Room) else place.video_url,
        "is_open": is_open,
        "is_owner": viewer is not None and viewer.pk == place.creator_id,
        "is_following": viewer is not None
        and people.is_following(fan_id=viewer.pk, creator_id=place.creator_id),
        "place_url": _address(place),
        "events_url": _events_address(place, viewer) if is_room and is_open else "",
        "summary": None if is_room and is_open else queries.summary(place=place),
        "ending": None if is_open else crowd.ending_of(room_id=place.pk),
    }
    return page | (_panel(request, place) if is_open and place.gifts_on else {})


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
    """What was given and said, in the order it happened."""
    lines: list[Any] = list(queries.latest_gifts(place=place))
    if isinstance(place, Room):
        lines += crowd.messages_of(room_id=place.pk)
    return sorted(lines, key=lambda line: getattr(line, "sent_at", None) or line.said_at)


def _events_address(place: Room | Video, viewer: User | None) -> str:
    """Where the page hears what happens; asked for before its lines are read, so none is missed."""
    after = room_log.last_number(room_id=place.pk)
    return passes.address(room_id=place.pk, user_id=viewer.pk if viewer else None, after=after)


def _panel(request: HttpRequest, place: Room | Video) -> dict[str, Any]:
    viewer, at = _viewer(request), timezone.now()
    rate = queries.coin_rate(viewer=viewer, at=at)
    return {
        "gifts": queries.catalogue(at=at, viewer=viewer, on_videos=isinstance(place, Video)),
        "categories": Category.choices,
        "send_url": _send_address(place),
        "operation_id": ledger.new_operation_id(),
        "quantity_max": risk.QUANTITY_MAX,
        "rate": rate,
        "rate_decimals": money.decimals(rate.currency) if rate else 0,
    }


def _feed(place: Room | Video, *, lines: list[queries.FeedLine]) -> dict[str, Any]:
    """Gifts to show, and from when on to look again; gifts that commit late are not missed."""
    return {
        "place": place,
        "lines": lines,
        "after": (timezone.now() - FEED_OVERLAP).isoformat(),
        "feed_every_s": FEED_EVERY_S,
        "operation_id": ledger.new_operation_id(),
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
