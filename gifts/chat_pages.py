"""Talking in a room, and keeping order in it. Every page works without JavaScript: a form, the room
again. With it the same doors answer the script in a few words.
"""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import queries as people
from accounts.models import User
from accounts.risk import NotAllowed
from gifts import chat, clubs, crowd, goals, moderation, queries, risk, services
from gifts.chat_forms import GoalForm, ModeratorForm, MuteForm, RulesForm, SayForm
from gifts.models import ChatMessage, Room
from gifts.queries import Shown
from wallet import ledger


@require_POST
def say(request: HttpRequest, room_id: UUID) -> HttpResponse:
    """Say something, or pay to have it highlighted. The script is answered as JSON."""
    address = reverse("gifts:room", args=[room_id])
    if not request.user.is_authenticated:
        return redirect_to_login(address)
    form = SayForm(request.POST)
    if not form.is_valid():
        return _answer(request, address, words=form.first_error(), status=422)
    asked = _asked_about(request.user, form.cleaned_data)
    if asked is not None:
        return _ask(request, room_id, asked, form.cleaned_data)
    try:
        words = _say(room_id, request.user.pk, form.cleaned_data)
    except (chat.ChatRefused, NotAllowed, risk.GiftRefused, ledger.OperationConflict) as refusal:
        return _answer(request, address, words=str(refusal), status=409)
    except ledger.InsufficientCoins:
        words = (
            "You do not have enough coins for this. Nothing was sent; get coins, then try again."
        )
        return _answer(request, address, words=words, status=402)
    return _answer(request, address, words=words, status=200)


def _asked_about(author: User, said: dict[str, Any]) -> Shown | None:
    """The gift the words cost, when the author wants to be asked first."""
    if not said["gift"] or said["confirmed"]:
        return None
    offer = queries.offer(version_id=said["gift"], viewer=author, at=timezone.now())
    if offer is None or offer.price_coins < risk.confirm_from(author):
        return None
    return offer


def _ask(request: HttpRequest, room_id: UUID, gift: Shown, said: dict[str, Any]) -> HttpResponse:
    """Ask on a page of its own; the script is told to send the form there."""
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"words": "", "asks": True}, status=409)
    context = {"gift": gift, "said": said, "room_id": room_id}
    return render(request, "gifts/confirm_words.html", context)


def _say(room_id: UUID, author_id: int, said: dict[str, Any]) -> str:
    at = timezone.now()
    if said["hide_name"] and not said["gift"]:
        raise chat.NotWords("Only words that you pay for can hide your name. Nothing was said.")
    if not said["gift"]:
        chat.say(
            message_id=said["message_id"],
            room_id=room_id,
            author_id=author_id,
            words=said["words"],
            at=at,
        )
        return ""
    sent = services.send_gift(
        operation_id=said["message_id"],
        sender_id=author_id,
        gift_version_id=said["gift"],
        quantity=1,
        room_id=room_id,
        words=chat.clean(said["words"]),
        hide_name=said["hide_name"],
        at=at,
    )
    return f"Highlighted for {sent.coins:,} coins. {sent.balance:,} coins left."


def _answer(request: HttpRequest, address: str, *, words: str, status: int) -> HttpResponse:
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"words": words}, status=status)
    if words:
        (messages.success if status == 200 else messages.warning)(request, words)
    return redirect(address)


@login_required
def message(request: HttpRequest, room_id: UUID, message_id: UUID) -> HttpResponse:
    """One message and what may be done about it: report, remove, mute."""
    found, me = _message(room_id, message_id), _me(request)
    if not clubs.may_enter(place=found.room, viewer_id=me.pk, at=timezone.now()):
        raise PermissionDenied
    creator_id = found.room.creator_id
    form = MuteForm(request.POST if "over" in request.POST else None)
    if request.method == "POST":
        return _moderate(request, found, form)
    may_moderate = crowd.may_moderate(creator_id=creator_id, person_id=me.pk)
    context = {
        "message": found,
        "form": form,
        "is_own": found.author_id == me.pk,
        "may_remove": may_moderate or found.author_id == me.pk,
        "may_mute": may_moderate
        and not found.is_hidden  # the list of who is muted names them
        and not crowd.may_moderate(creator_id=creator_id, person_id=found.author_id),
        "room_url": reverse("gifts:room", args=[room_id]),
    }
    page = "gifts/chat_message_sheet.html" if request.htmx else "gifts/chat_message.html"  # type: ignore[attr-defined]
    return render(request, page, context)


def _moderate(request: HttpRequest, found: ChatMessage, form: MuteForm) -> HttpResponse:
    """Remove the message or mute its author, and go back to the room."""
    me, at = _me(request), timezone.now()
    if form.is_bound and found.is_hidden:
        raise PermissionDenied("Who said this hid their name, so they cannot be muted by it.")
    try:
        if form.is_bound and form.is_valid():
            moderation.mute(
                creator_id=found.room.creator_id,
                person_id=found.author_id,
                by_id=me.pk,
                over=form.length(),
                at=at,
            )
            messages.success(request, f"@{found.author.handle} is muted.")
        else:
            moderation.remove_message(message_id=found.pk, by_id=me.pk, at=at)
            messages.success(request, "The message is removed.")
    except moderation.NotAModerator as refusal:
        raise PermissionDenied(str(refusal)) from None
    except moderation.CannotMute as refusal:
        messages.warning(request, str(refusal))
    return redirect("gifts:room", found.room_id)


@login_required
def moderation_page(request: HttpRequest, handle: str) -> HttpResponse:
    """A creator's chat: rules, moderators, who is muted. For the creator and their moderators."""
    creator = people.creator(handle=handle)
    if creator is None:
        raise Http404
    me, at = _me(request), timezone.now()
    if not crowd.may_moderate(creator_id=creator.pk, person_id=me.pk):
        raise PermissionDenied
    rules = crowd.rules_of(creator_id=creator.pk)
    given = {"slow_s": rules.slow_s, "banned_words": rules.banned_words}
    form = RulesForm(request.POST or None, initial=given)
    if request.method == "POST" and form.is_valid():
        try:
            moderation.set_rules(creator_id=creator.pk, by_id=me.pk, **form.cleaned_data)
        except moderation.NotRules as refusal:
            form.add_error("banned_words", str(refusal))
        else:
            messages.success(request, "Saved. It holds from now on.")
            return redirect("gifts:moderation", creator.handle)
    context = {
        "creator": creator,
        "is_creator": me.pk == creator.pk,
        "form": form,
        "moderator_form": ModeratorForm(),
        "moderators": crowd.moderators_of(creator_id=creator.pk),
        "mutes": crowd.mutes_of(creator_id=creator.pk, at=at),
        "live": queries.live_room_of(creator_id=creator.pk),
    }
    status = 422 if form.is_bound else 200
    return render(request, "gifts/moderation.html", context, status=status)


@login_required
@require_POST
def moderators(request: HttpRequest, handle: str) -> HttpResponse:
    """The creator names or dismisses a moderator; a moderator stops being one."""
    creator, me = get_object_or_404(User, handle=handle, is_creator=True), _me(request)
    leaver = request.POST.get("dismiss", "")
    if leaver.isdecimal() and me.pk in (creator.pk, int(leaver)):
        moderation.dismiss_moderator(creator_id=creator.pk, person_id=int(leaver))
        messages.success(request, "Done: they are no moderator any more.")
    elif me.pk != creator.pk:
        raise PermissionDenied
    else:
        form = ModeratorForm(request.POST)
        try:
            named = form.cleaned_data["handle"] if form.is_valid() else ""
            moderation.name_moderator(creator_id=creator.pk, handle=named, at=timezone.now())
        except moderation.CannotName as refusal:
            messages.warning(request, str(refusal))
        else:
            messages.success(request, "They are a moderator now, and were told.")
    may_stay = crowd.may_moderate(creator_id=creator.pk, person_id=me.pk)
    return redirect("gifts:moderation" if may_stay else "accounts:creator", creator.handle)


@login_required
@require_POST
def unmute(request: HttpRequest, handle: str) -> HttpResponse:
    """Let somebody talk again."""
    creator = get_object_or_404(User, handle=handle, is_creator=True)
    person = request.POST.get("person", "")
    try:
        moderation.unmute(
            creator_id=creator.pk,
            person_id=int(person) if person.isdecimal() else 0,
            by_id=_me(request).pk,
        )
    except moderation.NotAModerator as refusal:
        raise PermissionDenied(str(refusal)) from None
    messages.success(request, "They can talk again.")
    return redirect("gifts:moderation", creator.handle)


@login_required
def goal(request: HttpRequest, room_id: UUID) -> HttpResponse:
    """The creator sets, changes or removes the goal of their own live."""
    room = get_object_or_404(Room, pk=room_id, creator_id=_me(request).pk)
    current, at = crowd.goal_of(room_id=room.pk), timezone.now()
    is_new = current is None or current.reached_at is not None
    first: dict[str, Any] = {"goal_id": ledger.new_operation_id()}
    if current is not None and not is_new:
        first = {
            "goal_id": current.pk,
            "words": current.words,
            "target_coins": current.target_coins,
        }
    form = GoalForm(request.POST or None, initial=first)
    if request.method == "POST":
        try:
            if "remove" in request.POST and current is not None:
                goals.remove_goal(
                    goal_id=current.pk, room_id=room.pk, creator_id=room.creator_id, at=at
                )
                return redirect("gifts:room", room.pk)
            if form.is_valid():
                goals.set_goal(
                    room_id=room.pk, creator_id=room.creator_id, at=at, **form.cleaned_data
                )
                return redirect("gifts:room", room.pk)
        except (goals.NotLive, goals.NotAGoal) as refusal:
            form.add_error(None, str(refusal))
    context = {"room": room, "form": form, "goal": current, "is_new": is_new}
    status = 422 if form.is_bound else 200
    return render(request, "gifts/studio_goal.html", context, status=status)


def _message(room_id: UUID, message_id: UUID) -> ChatMessage:
    found = crowd.message(room_id=room_id, message_id=message_id)
    if found is None or found.removed_at is not None:
        raise Http404
    return found


def _me(request: HttpRequest) -> User:
    assert request.user.is_authenticated, "the door is for people who are signed in"
    return request.user
