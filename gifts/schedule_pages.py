"""Planning lives in the studio, and asking to be reminded of one."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from accounts.creators import Blocked
from accounts.models import User
from accounts.risk import NotAllowed
from gifts import coming, rooms, schedule
from gifts.models import PlannedLive
from gifts.schedule_forms import PlanForm
from gifts.studio import creators_only
from wallet import ledger


@creators_only
def plan(request: HttpRequest) -> HttpResponse:
    """Plan a live, and see what is planned."""
    me = _me(request)
    form = PlanForm(request.POST or None, initial={"planned_id": ledger.new_operation_id()})
    if request.method == "POST" and form.is_valid():
        try:
            schedule.plan(creator_id=me.pk, at=timezone.now(), **form.cleaned_data)
        except schedule.NotAPlan as refusal:
            form.add_error("starts_at", str(refusal))
        except (
            schedule.TooManyPlanned, rooms.IdTaken, rooms.NotACreator, NotAllowed,
        ) as refusal:  # fmt: skip
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Planned. It is on your page, and fans can be reminded.")
            return redirect("gifts:schedule")
    planned = coming.planned_by(creator_id=me.pk, viewer=me, at=timezone.now())
    context = {"form": form, "planned": planned, "zone": me.time_zone}
    return render(request, "gifts/studio_schedule.html", context, status=_status(form))


@creators_only
def change(request: HttpRequest, planned_id: UUID) -> HttpResponse:
    """Change or cancel the creator's own plan."""
    me = _me(request)
    planned = get_object_or_404(PlannedLive, pk=planned_id, creator_id=me.pk, cancelled_at=None)
    first = {
        "planned_id": ledger.new_operation_id(),  # of the change
        "title": planned.title,
        "words": planned.words,
        "starts_at": planned.starts_at,
    }
    wants_change = request.method == "POST" and "cancel" not in request.POST
    form = PlanForm(request.POST if wants_change else None, initial=first)
    try:
        if request.method == "POST" and not wants_change:
            schedule.cancel(planned_id=planned.pk, creator_id=me.pk, at=timezone.now())
            messages.success(
                request, f"“{planned.title}” is cancelled. Who asked to be reminded is told."
            )
            return redirect("gifts:schedule")
        if wants_change and form.is_valid():
            wanted = form.cleaned_data
            schedule.change(
                change_id=wanted["planned_id"],
                planned_id=planned.pk,
                creator_id=me.pk,
                title=wanted["title"],
                words=wanted["words"],
                starts_at=wanted["starts_at"],
                at=timezone.now(),
            )
            messages.success(request, "Changed. Who asked to be reminded is told of a new time.")
            return redirect("gifts:schedule")
    except schedule.NotAPlan as refusal:
        form.add_error("starts_at", str(refusal))
    except (schedule.PlanConflict, rooms.IdTaken) as refusal:
        form.add_error(None, str(refusal))
    except schedule.PlanOver as refusal:
        messages.warning(request, str(refusal))
        return redirect("gifts:schedule")
    context = {"form": form, "planned": planned, "zone": me.time_zone}
    return render(request, "gifts/studio_planned.html", context, status=_status(form))


@login_required
def remind(request: HttpRequest, planned_id: UUID) -> HttpResponse:
    """Ask to be told when a planned live begins, or not any more."""
    found = PlannedLive.objects.select_related("creator").filter(pk=planned_id).first()
    if found is None:
        raise Http404
    me = _me(request)
    if request.method == "POST":
        try:
            if request.POST.get("wanted") == "no":
                schedule.unask(planned_id=found.pk, fan_id=me.pk)
                messages.success(request, "You are not reminded of it any more.")
            else:
                schedule.ask(planned_id=found.pk, fan_id=me.pk, at=timezone.now())
                messages.success(request, "You are told when it begins.")
        except (schedule.PlanOver, Blocked) as refusal:
            messages.warning(request, str(refusal))
    return redirect("accounts:creator", found.creator.handle)


def _me(request: HttpRequest) -> User:
    assert request.user.is_authenticated, "the door is for people who are signed in"
    return request.user


def _status(form: PlanForm) -> int:
    return 422 if form.is_bound else 200
