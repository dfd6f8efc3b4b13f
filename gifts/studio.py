"""The creator's doors: go live, end it, switch gifts, post a video, hide it."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import risk as people
from accounts.models import User
from accounts.risk import NotAllowed
from gifts import crowd, popular, queries, rooms
from gifts.forms import LiveForm, VideoForm
from gifts.models import Room, Video
from wallet import ledger


def creators_only[**P](view: Callable[P, HttpResponse]) -> Callable[..., HttpResponse]:
    """Let creators in; others read how to become one."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not _me(request).is_creator:
            return render(request, "gifts/studio_closed.html", status=403)
        return view(request, *args, **kwargs)  # type: ignore[arg-type]

    return login_required(guarded)


@creators_only
def go_live(request: HttpRequest) -> HttpResponse:
    """Start a live; who is live already is shown that one."""
    me = _me(request)
    form = LiveForm(request.POST or None, initial={"place_id": ledger.new_operation_id()})
    if request.method == "POST" and form.is_valid():
        try:
            room = rooms.start_room(
                room_id=form.cleaned_data["place_id"],
                creator_id=me.pk,
                title=form.cleaned_data["title"],
                stream_url=form.cleaned_data["address"],
                gifts_on=form.cleaned_data["gifts_on"],
                for_members=form.cleaned_data["for_members"],
                at=timezone.now(),
            )
        except (rooms.AlreadyLive, rooms.NotACreator, rooms.NoMembersYet, NotAllowed) as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("gifts:room", room.pk)
    live = queries.live_room_of(creator_id=me.pk)
    context = {
        "form": form,
        "without_gifts": _why_without_gifts(me),
        "live": live,
        "now": timezone.now(),
        "ended": queries.ended_rooms(creator_id=me.pk),
    }
    return render(request, "gifts/studio_go_live.html", context, status=_status(form))


@creators_only
def end_live(request: HttpRequest, room_id: UUID) -> HttpResponse:
    """Ask, then end the creator's own live."""
    room = get_object_or_404(Room, pk=room_id, creator_id=_me(request).pk)
    if request.method == "POST":
        rooms.end_room(
            room_id=room.pk, by_id=_me(request).pk, why="Ended by the creator", at=timezone.now()
        )
        messages.success(request, "Your live has ended.")
        return redirect("gifts:room", room.pk)
    return render(
        request,
        "gifts/studio_end_live.html",
        {
            "room": room,
            "summary": queries.summary(place=room),
            "ending": crowd.ending_of(room_id=room.pk),
        },
    )


@creators_only
@require_POST
def switch_gifts(request: HttpRequest, room_id: UUID) -> HttpResponse:
    """Switch gifts on or off in the creator's own live."""
    room = get_object_or_404(Room, pk=room_id, creator_id=_me(request).pk)
    gifts_on = request.POST.get("gifts_on") == "yes"
    try:
        rooms.set_gifts_on(room_id=room.pk, creator_id=_me(request).pk, gifts_on=gifts_on)
    except NotAllowed as refusal:
        messages.warning(request, str(refusal))
        return redirect("gifts:room", room.pk)
    messages.success(request, "Fans can send gifts." if gifts_on else "Gifts are switched off.")
    return redirect("gifts:room", room.pk)


@creators_only
def popular_gifts(request: HttpRequest) -> HttpResponse:
    """Which gifts the creator is given most."""
    me = _me(request)
    context = {
        "ever": popular.ever(creator_id=me.pk),
        "lately": popular.lately(creator_id=me.pk, at=timezone.now()),
    }
    return render(request, "gifts/studio_popular.html", context)


@creators_only
def post_video(request: HttpRequest) -> HttpResponse:
    """Post a video, and see the ones posted before."""
    me = _me(request)
    form = VideoForm(request.POST or None, initial={"place_id": ledger.new_operation_id()})
    if request.method == "POST" and form.is_valid():
        try:
            video = rooms.post_video(
                video_id=form.cleaned_data["place_id"],
                creator_id=me.pk,
                title=form.cleaned_data["title"],
                video_url=form.cleaned_data["address"],
                gifts_on=form.cleaned_data["gifts_on"],
                for_members=form.cleaned_data["for_members"],
                at=timezone.now(),
            )
        except (rooms.NotACreator, rooms.IdTaken, rooms.NoMembersYet, NotAllowed) as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("gifts:video", video.pk)
    context = {"form": form, "videos": queries.videos(creator_id=me.pk)[:50]}
    return render(request, "gifts/studio_post_video.html", context, status=_status(form))


@creators_only
@require_POST
def hide_video(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """Take the creator's own video from the public."""
    video = get_object_or_404(Video, pk=video_id, creator_id=_me(request).pk)
    rooms.hide_video(
        video_id=video.pk, by_id=_me(request).pk, why="Hidden by the creator", at=timezone.now()
    )
    messages.success(request, f"“{video.title}” is hidden. Its gifts stay sent.")
    return redirect("gifts:post_video")


def _why_without_gifts(creator: User) -> str:
    """Tell a creator whose kind of account is given no gifts."""
    try:
        people.check_kind(creator)
    except NotAllowed as refusal:
        return str(refusal)
    return ""


def _me(request: HttpRequest) -> User:
    assert request.user.is_authenticated, "the door is for people who are signed in"
    return request.user


def _status(form: LiveForm | VideoForm) -> int:
    return 422 if form.is_bound else 200
