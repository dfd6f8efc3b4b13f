"""A person's own pages: profile, notices, consents, terms, following."""

from typing import Any, Final

from allauth.account.decorators import reauthentication_required
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts import consents, creators, notices, queries, risk, services
from accounts.forms import ConsentForm, CreatorForm, GiftChoicesForm, ProfileForm
from accounts.models import Consent, CreatorProfile, NoticeKind, Scope, Terms, User

NOTICES_A_PAGE: Final = 30


class SignedIn(HttpRequest):
    """A request behind ``login_required``."""

    user: User


def _safe_next(request: HttpRequest) -> str:
    """Where the person wanted to go, when that is on this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else ""


@login_required
def profile(request: SignedIn) -> HttpResponse:
    user = request.user
    fields = (
        "display_name",
        "handle",
        "language",
        "time_zone",
        "country",
        "birth_date",
        "is_ranked",
        "shows_level",
    )
    initial = {name: getattr(user, name) for name in fields}
    initial["country"] = str(user.country.code or "")
    form = ProfileForm(request.POST or None, user=user, initial=initial)
    if request.method == "POST" and form.is_valid():
        given = {
            name: value
            for name, value in form.cleaned_data.items()
            if not form.fields[name].disabled
        }
        try:
            services.update_profile(user_id=user.pk, fields=given)
        except (services.HandleTaken, services.FixedOnceSet) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Your profile is saved.")
            return redirect(_safe_next(request) or "accounts:profile")
    return render(request, "accounts/profile.html", {"form": form, "next": _safe_next(request)})


@login_required
def gift_choices(request: SignedIn) -> HttpResponse:
    """When the person is asked before a gift, and told how long they have watched."""
    user = request.user
    minutes = user.break_after_min
    initial = {
        "confirm_coins": user.confirm_coins,
        "break_after_min": settings.BREAK_AFTER_MIN if minutes is None else minutes,
    }
    form = GiftChoicesForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        services.update_profile(user_id=user.pk, fields=form.cleaned_data)
        messages.success(request, "Your choices are saved.")
        return redirect("accounts:gift_choices")
    status = 422 if form.is_bound else 200
    return render(request, "accounts/gift_choices.html", {"form": form}, status=status)


@login_required
def menu(request: SignedIn) -> HttpResponse:
    return render(request, "accounts/menu.html")


@login_required
def notifications(request: SignedIn) -> HttpResponse:
    """The notices, newest first. Those shown count as read from the next page on."""
    before = request.GET.get("before", "")
    rows = queries.notices(
        user_id=request.user.pk,
        before=int(before) if before.isdecimal() else None,
        limit=NOTICES_A_PAGE + 1,
    )
    shown = rows[:NOTICES_A_PAGE]
    more = f"?before={shown[-1].pk}" if len(rows) > NOTICES_A_PAGE else ""
    context = {"notices": shown, "next_url": more, "first_url": "?" if before else ""}
    response = render(request, "accounts/notifications.html", context)
    if shown:
        notices.mark_read(user_id=request.user.pk, up_to_id=shown[0].pk, at=timezone.now())
    return response


@login_required
def preferences(request: SignedIn) -> HttpResponse:
    if request.method == "POST":
        chosen = [
            (
                kind.value,
                f"site-{kind.value}" in request.POST,
                f"email-{kind.value}" in request.POST,
            )
            for kind in NoticeKind
        ]
        notices.set_preferences(user_id=request.user.pk, chosen=chosen)
        messages.success(request, "Your choices are saved.")
        return redirect("accounts:preferences")
    context = {"preferences": queries.preferences(user_id=request.user.pk)}
    return render(request, "accounts/preferences.html", context)


# Consents


@login_required
def consent_list(request: SignedIn) -> HttpResponse:
    context = {"consents": queries.consents(fan_id=request.user.pk, at=timezone.now())}
    return render(request, "accounts/consents.html", context)


@login_required
@reauthentication_required(allow_get=True)
def consent_new(request: SignedIn) -> HttpResponse:
    """The page a service sends a fan to: who asks, for what, and how much at most."""
    asked = request.POST if request.method == "POST" else request.GET
    client_id, scope = asked.get("client", ""), asked.get("scope", "")
    try:
        client = consents.offered(client_id=client_id, scope=scope)
    except (consents.UnknownService, consents.ScopeNotOffered) as error:
        return render(request, "accounts/consent_refused.html", {"words": str(error)}, status=404)
    form = ConsentForm(request.POST or None, scope=scope)
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        try:
            consents.give(
                fan_id=request.user.pk,
                client_id=client_id,
                scope=scope,
                daily_cap_coins=form.cleaned_data.get("daily_cap_coins", 0),
                until=now + form.until_days,
                at=now,
            )
        except consents.BadConsent as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request, f"{client.name} may do this from now on. Revoke it here any time."
            )
            return redirect("accounts:consents")
    context = {"form": form, "client": client, "scope": Scope(scope)}
    return render(request, "accounts/consent_new.html", context)


@login_required
@require_POST
def consent_revoke(request: SignedIn, consent_id: int) -> HttpResponse:
    try:
        consents.revoke(fan_id=request.user.pk, consent_id=consent_id, at=timezone.now())
    except Consent.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, "Revoked. The service can do nothing more for you.")
    return redirect("accounts:consents")


# Sessions


@login_required
@require_POST
def session_end(request: SignedIn, session_id: int) -> HttpResponse:
    """Sign out on one other device."""
    get_object_or_404(UserSession, pk=session_id, user=request.user).end()
    messages.success(request, "That session is ended.")
    return redirect("usersessions_list")


# Terms


def terms(request: HttpRequest) -> HttpResponse:
    current = queries.terms_in_force(at=timezone.now())
    announced = Terms.objects.filter(effective_at__gt=timezone.now()).order_by("effective_at")
    return render(request, "accounts/terms.html", {"terms": current, "announced": announced})


@login_required
def accept_terms(request: SignedIn) -> HttpResponse:
    """Ask for the newest terms that hold; the version accepted is the one that was shown."""
    if request.method == "POST":
        given = request.POST.get("terms_id", "")
        shown = get_object_or_404(
            Terms, pk=int(given) if given.isdecimal() else 0, effective_at__lte=timezone.now()
        )
        services.accept_terms(user_id=request.user.pk, terms_id=shown.pk, at=timezone.now())
        messages.success(request, f"You accepted version {shown.version} of the terms.")
        return redirect(_safe_next(request) or "home")
    waiting = queries.terms_to_accept(user=request.user, at=timezone.now())
    if waiting is None:
        return redirect(_safe_next(request) or "accounts:terms")
    context = {"terms": waiting, "next": _safe_next(request)}
    return render(request, "accounts/accept_terms.html", context)


# Creators


@login_required
def follow(request: SignedIn, handle: str) -> HttpResponse:
    """Follow or stop following. Arriving here after signing in leads to the creator's page."""
    creator = queries.creator(handle=handle)
    if creator is None:
        raise Http404
    if request.method == "POST":
        try:
            if request.POST.get("stop"):
                creators.unfollow(fan_id=request.user.pk, creator_id=creator.pk)
            else:
                creators.follow(fan_id=request.user.pk, creator_id=creator.pk)
        except (creators.SelfFollow, creators.NotACreator, creators.Blocked) as error:
            messages.error(request, str(error))
        if getattr(request, "htmx", False):
            return render(request, "accounts/follow.html", follow_context(request, creator))
    wanted = _safe_next(request)
    return redirect(wanted) if wanted else redirect("accounts:creator", creator.handle)


def follow_context(request: HttpRequest, creator: User) -> dict[str, Any]:
    """What the follow button shows."""
    user_id = request.user.pk or 0
    return {
        "creator": creator,
        "is_self": creator.pk == user_id,
        "is_following": queries.is_following(fan_id=user_id, creator_id=creator.pk),
        "follower_count": creator.followers.count(),
    }


@login_required
def become_creator(request: SignedIn) -> HttpResponse:
    """Open a creator's page, or change what it says."""
    existing = CreatorProfile.objects.filter(creator=request.user).first()
    form = CreatorForm(request.POST or None, initial={"about": existing.about if existing else ""})
    refusal = None
    try:
        risk.check_may_create(request.user, timezone.now())
    except risk.NotAllowed as error:
        refusal = error
    if request.method == "POST" and refusal is None and form.is_valid():
        creators.open_creator(
            user_id=request.user.pk, about=form.cleaned_data["about"], at=timezone.now()
        )
        messages.success(request, "Saved." if existing else "You are a creator now. Welcome.")
        return redirect("accounts:creator", request.user.handle)
    context = {
        "form": form,
        "existing": existing,
        "refusal": refusal,
        "payout_minimum_minor": settings.PAYOUT_MINIMUM_USD_CENTS,
    }
    return render(request, "accounts/become_creator.html", context)
