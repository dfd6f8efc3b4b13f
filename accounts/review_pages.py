"""What people see of reviews about them, how they appeal, and how a guardian makes a claim."""

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import claims, fingerprints, queries, reports, reviews
from accounts.models import User
from accounts.review_forms import AppealForm, GuardianForm


@login_required
@require_GET
def review_list(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    rows = queries.reviews_of(user_id=_person(request).pk)
    context = {"reviews": [(row, row.is_restricting(at)) for row in rows]}
    return render(request, "accounts/reviews.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def review(request: HttpRequest, review_id: int) -> HttpResponse:
    """One review: why, what it holds back, until when, what was decided, and the appeal."""
    user, at = _person(request), timezone.now()
    found = queries.review_of(user_id=user.pk, review_id=review_id)
    if found is None:
        raise Http404
    form = AppealForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            reviews.appeal(
                review_id=review_id, user_id=user.pk, words=form.cleaned_data["words"], at=at
            )
        except reviews.CannotAppeal as refusal:
            form.add_error(None, str(refusal))
            status = 409
        else:
            messages.success(request, "We have your appeal. Somebody else looks at it.")
            return redirect("accounts:review", review_id)
    context = {
        "review": found,
        "form": form,
        "is_restricting": found.is_restricting(at),
        "can_appeal": found.can_be_appealed(at),
    }
    return render(request, "accounts/review.html", context, status=status)


# A guardian's claim: open to everybody, signed in or not


@require_http_methods(["GET", "POST"])
def guardian(request: HttpRequest) -> HttpResponse:
    form = GuardianForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        del given["is_true"]
        seen = fingerprints.seen(address=get_adapter().get_client_ip(request))
        try:
            claims.make_claim(**given, network=seen.network, at=timezone.now())
        except claims.TooManyClaims as refusal:
            form.add_error(None, str(refusal))
            return render(request, "accounts/guardian.html", {"form": form}, status=429)
        return render(request, "accounts/guardian_sent.html", {"email": given["email"]})
    return render(request, "accounts/guardian.html", {"form": form})


@require_http_methods(["GET", "POST"])
def guardian_confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The link in the email. A button, because mail programs open links by themselves."""
    try:
        claim = claims.claim_of(token)
        if request.method == "POST":
            claim = claims.confirm_claim(claim_id=claim.pk, at=timezone.now())
    except claims.BadLink as refusal:
        context = {"words": str(refusal)}
        return render(request, "accounts/guardian_confirm.html", context, status=404)
    return render(request, "accounts/guardian_confirm.html", {"claim": claim, "token": token})


# Blocking


@login_required
@require_GET
def block_list(request: HttpRequest) -> HttpResponse:
    context = {"blocks": queries.blocks_of(user_id=_person(request).pk)}
    return render(request, "accounts/blocks.html", context)


@login_required
@require_POST
def block(request: HttpRequest, handle: str) -> HttpResponse:
    """Block somebody, or end it."""
    other = queries.person(f"@{handle.lower()}")
    if other is None:
        raise Http404
    if request.POST.get("stop"):
        reports.unblock(blocker_id=_person(request).pk, blocked_id=other.pk)
        messages.success(request, f"@{other.handle} is not blocked any more.")
        return redirect("accounts:blocks")
    try:
        reports.block(blocker_id=_person(request).pk, blocked_id=other.pk)
    except reports.OwnAccount as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"@{other.handle} is blocked.")
    return redirect("accounts:blocks")


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
