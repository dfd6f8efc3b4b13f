"""A person's own page about who they are: why we ask, how it is done, and how far it has come."""

from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts import identity, papers, queries
from accounts.identity_forms import PapersForm, StartForm
from accounts.models import IdentityCheck, User

State = IdentityCheck.State


@login_required
@require_GET
def identity_page(request: HttpRequest) -> HttpResponse:
    """How far the person's check has come, and the way on."""
    return _page(request)


@login_required
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Begin a check by the way that was chosen; a provider's page is linked to from ours."""
    form = StartForm(request.POST)
    if not form.is_valid() or form.cleaned_data["adapter"] not in _codes():
        raise Http404
    at = timezone.now()
    try:
        check = identity.ask(person_id=_person(request).pk, **form.cleaned_data, at=at)
        identity.begin(check_id=check.pk, at=at)
    except identity.IdentityRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("accounts:identity")


@login_required
@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """Take the papers of a check that our own staff decide."""
    form = PapersForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form=form, status=422)
    try:
        papers.send(
            check_id=form.cleaned_data["check_id"],
            person_id=_person(request).pk,
            files=form.files_given(),
            at=timezone.now(),
        )
    except papers.PaperRefused as refusal:
        form.add_error(refusal.kind or None, str(refusal))
        return _page(request, form=form, status=422)
    except identity.NotWaiting as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "We have your papers. A person looks at them, and tells you.")
    return redirect("accounts:identity")


@login_required
@require_GET
def come_back(request: HttpRequest, check_id: UUID) -> HttpResponse:
    """Where a provider sends the person back to: what it found out is asked for, not believed."""
    mine = IdentityCheck.objects.filter(pk=check_id, person=_person(request)).exists()
    if not mine:
        raise Http404
    try:
        identity.look_up(check_id=check_id, at=timezone.now())
    except identity.NotReachable:
        messages.info(request, "We have no answer yet. We go on asking, and tell you.")
    return redirect("accounts:identity")


def _page(
    request: HttpRequest, *, form: PapersForm | None = None, status: int = 200
) -> HttpResponse:
    check = queries.latest_identity(user_id=_person(request).pk)
    state = check.state if check else ""
    if check is not None and state == State.ASKED and check.is_manual:
        form = form or PapersForm(initial={"check_id": check.pk})
    else:
        form = None
    offers = identity.ways()
    context = {
        "check": check,
        "state": state,
        "form": form,
        "offers": offers if state in ("", State.DECLINED, State.EXPIRED) else [],
        "others": [one for one in offers if check is not None and one.code != check.adapter]
        if state == State.ASKED
        else [],
        "new_id": uuid4(),
        "paper_days": settings.IDENTITY_PAPER_DAYS,
    }
    return render(request, "accounts/identity.html", context, status=status)


def _codes() -> set[str]:
    return {way.code for way in identity.ways()}


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the page is for people who are signed in"
    return request.user
