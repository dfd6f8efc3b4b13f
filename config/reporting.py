"""Reporting a person, a live room or a video: here, because the three belong to two apps.

Promises: whoever reports is signed in and reads what happens next; what is reported is found by
its address, and its owner is not told who reported it.
"""

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts import queries as people
from accounts import reports
from accounts.models import User
from accounts.review_forms import ReportForm
from gifts import crowd
from gifts import queries as gifts
from gifts.models import ChatMessage, Room, Video


@dataclass(frozen=True, slots=True)
class Reported:
    """What is reported: whose it is, its key in the case, and how to name it and go back to it."""

    owner: User
    key: str
    label: str
    address: str
    evidence: str = ""  # what was said, for staff
    is_hidden: bool = False  # whoever reports must not learn whose it is


@login_required
@require_http_methods(["GET", "POST"])
def report_person(request: HttpRequest, handle: str) -> HttpResponse:
    person = people.person(people.reference(f"@{handle}"))
    if person is None:
        raise Http404
    back = reverse("accounts:creator", args=[person.handle]) if person.is_creator else "/"
    reported = Reported(person, f"user:{person.pk}", f"@{person.handle}", back)
    return _report(request, reported)


@login_required
@require_http_methods(["GET", "POST"])
def report_room(request: HttpRequest, room_id: UUID) -> HttpResponse:
    return _report(request, _of_place("room", gifts.place(room_id=room_id)))


@login_required
@require_http_methods(["GET", "POST"])
def report_video(request: HttpRequest, video_id: UUID) -> HttpResponse:
    return _report(request, _of_place("video", gifts.place(video_id=video_id)))


@login_required
@require_http_methods(["GET", "POST"])
def report_message(request: HttpRequest, room_id: UUID, message_id: UUID) -> HttpResponse:
    """What somebody said; staff see the words, also when they are removed meanwhile."""
    message = crowd.message(room_id=room_id, message_id=message_id)
    if message is None:
        raise Http404
    author = message.author
    return _report(
        request,
        Reported(
            author,
            f"message:{message.pk}",
            f"what {_named(message)} said: “{message.words}”",
            reverse("gifts:room", args=[room_id]),
            evidence=message.words,
            is_hidden=message.is_hidden,
        ),
    )


def _named(message: ChatMessage) -> str:
    return message.author_name if message.is_hidden else f"@{message.author.handle}"


def _of_place(kind: str, place: Room | Video | None) -> Reported:
    if place is None:
        raise Http404
    label = f"{place.title}, by @{place.creator.handle}"
    address = reverse(f"gifts:{kind}", args=[place.pk])
    return Reported(place.creator, f"{kind}:{place.pk}", label, address)


def _report(request: HttpRequest, reported: Reported) -> HttpResponse:
    user_id, status = int(request.user.pk or 0), 200
    form = ReportForm(request.POST or None)
    if reported.is_hidden:
        del form.fields["block"]  # the list of who is blocked names them
    if request.method == "POST" and form.is_valid():
        try:
            reports.report(
                reporter_id=user_id,
                about_id=reported.owner.pk,
                place_key=reported.key,
                reason=form.cleaned_data["reason"],
                words=form.cleaned_data["words"],
                evidence=reported.evidence,
                at=timezone.now(),
            )
            if form.cleaned_data.get("block"):
                reports.block(blocker_id=user_id, blocked_id=reported.owner.pk)
        except (reports.OwnAccount, reports.TooManyReports) as refusal:
            form.add_error(None, str(refusal))
            status = 409
        else:
            messages.success(request, "Thank you. A person looks at it within 2 business days.")
            return redirect(reported.address)
    context = {"form": form, "reported": reported}
    return render(request, "accounts/report.html", context, status=status)
