"""The pages on which people take their data with them, and leave."""

from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import leaving as deeds
from accounts.models import DataExport, User
from config import leaving, personal
from wallet import ledger


class AskForm(forms.Form):
    export = forms.UUIDField(widget=forms.HiddenInput)


class CloseForm(forms.Form):
    handle = forms.CharField(
        max_length=30, label="Your handle", help_text="Type it to say that you mean this account."
    )
    gives_up_coins = forms.BooleanField(
        required=False, label="I give up the coins that are left on this account"
    )

    def __init__(self, *args: object, person: User, coins: int, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.person = person
        if not coins:
            del self.fields["gives_up_coins"]

    def clean_handle(self) -> str:
        handle = str(self.cleaned_data["handle"]).strip().removeprefix("@").lower()
        if handle != self.person.handle:
            raise forms.ValidationError(
                "This is not the handle of the account you are signed in to."
            )
        return handle


@require_safe
@login_required
def leaving_page(request: HttpRequest) -> HttpResponse:
    """Say what is kept of the person, offer a copy, and lead to closing."""
    person = _person(request)
    copies = DataExport.objects.filter(person=person).defer("archive").order_by("-asked_at")
    context = {
        "copies": copies[:3],
        "export_id": ledger.new_operation_id(),
        "register": [held for held in personal.REGISTER if held.is_exported],
        "copy_days": deeds.EXPORT_LIFE.days,
    }
    return render(request, "accounts/leaving.html", context)


@require_POST
@login_required
def ask_export(request: HttpRequest) -> HttpResponse:
    """Ask for a copy."""
    form = AskForm(request.POST)
    if not form.is_valid():
        messages.error(request, "This form is damaged. Try again.")
        return redirect("accounts:leaving")
    try:
        deeds.ask_export(
            export_id=form.cleaned_data["export"], person_id=_person(request).pk, at=timezone.now()
        )
    except deeds.AskedLately as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "We are making it. You get a message when it is ready.")
    return redirect("accounts:leaving")


@require_safe
@login_required
@reauthentication_required
def export_file(request: HttpRequest, export_id: UUID) -> HttpResponse:
    """Hand out the person's own copy, to who has just shown that it is them."""
    export = DataExport.objects.filter(
        pk=export_id,
        person=_person(request),
        state=DataExport.State.READY,
        expires_at__gt=timezone.now(),
    ).first()
    if export is None or export.archive is None:
        raise Http404("There is no such copy of yours, or its time is over.")
    response = HttpResponse(bytes(export.archive), content_type="application/zip")
    name = f"carat-data-{export.ready_at:%Y-%m-%d}.zip"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@reauthentication_required(allow_get=True)
def close(request: HttpRequest) -> HttpResponse:
    """Say what happens to coins and data, and close the account."""
    person, at = _person(request), timezone.now()
    left = leaving.left_of(person=person, at=at)
    form = CloseForm(request.POST or None, person=person, coins=left.coins)
    refusal: Exception | None = None
    try:
        leaving.check_may_leave(person=person)
        if request.method == "POST" and form.is_valid():
            gives_up = bool(form.cleaned_data.get("gives_up_coins"))
            closure = leaving.close_account(person=person, gives_up_coins=gives_up, at=at)
            request.session.flush()
            context = {"closure": closure, "operator": settings.OPERATOR_EMAIL}
            return render(request, "accounts/closed.html", context)
    except leaving.CannotLeave as error:
        refusal = error
    context = {
        "form": form,
        "left": left,
        "refusal": refusal,
        "is_barred": refusal is not None and not isinstance(refusal, leaving.CoinsNotGivenUp),
        "grace_days": deeds.GRACE.days,
    }
    status = 409 if refusal and request.method == "POST" else 200
    return render(request, "accounts/close.html", context, status=status)


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the page is for people who are signed in"
    return request.user
