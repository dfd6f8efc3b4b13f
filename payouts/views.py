"""The creator's studio: earnings, settlements, payouts and where they go. All of it their own."""

from typing import Any, Final
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import queries as people
from accounts.models import User
from payouts import (
    destinations,
    earnings,
    eligibility,
    forecasts,
    periods,
    queries,
    risk,
    services,
    stripe_accounts,
    terms,
)
from payouts.forms import FORMS, AccountForm, ChoiceForm, PayoutForm, StripeForm
from payouts.models import Destination
from wallet import books, ledger
from wallet import money as units
from wallet import queries as wallets

Rail = Destination.Rail

GIFTS_A_PAGE: Final = 30
PAYOUTS_SHOWN: Final = 100
TAKEN_BACK_SHOWN: Final = 20
LATEST: Final = 5
STEPS_SHOWN: Final = 8

# Where each line of the checklist is put right.
REMEDIES: Final = {
    risk.Key.PROFILE: ("accounts:become_creator", "Open it"),
    risk.Key.AGE: ("accounts:profile", "Open profile"),
    risk.Key.COUNTRY: ("accounts:profile", "Open profile"),
    risk.Key.EMAIL: ("account_email", "Verify"),
    risk.Key.SECOND_FACTOR: ("mfa_index", "Add one"),
    risk.Key.IDENTITY: ("accounts:identity", "Verify"),
    risk.Key.TAX: ("payouts:tax", "Fill in"),
    risk.Key.STANDING: ("accounts:notifications", "Read why"),
    risk.Key.REVIEW: ("accounts:reviews", "Read why"),
    risk.Key.DESTINATION: ("payouts:destination", "Set account"),
    risk.Key.HOLDER: ("payouts:destination", "Set account"),
}


class SignedIn(HttpRequest):
    """A request behind ``login_required``."""

    user: User


def _checklist(user: User) -> list[dict[str, Any]]:
    lines = eligibility.checklist(creator=user, at=timezone.now())
    return [
        {"line": line, "remedy": remedy, "action": action}
        for line in lines
        for remedy, action in [REMEDIES.get(line.key, ("", ""))]
    ]


@login_required
def studio(request: SignedIn) -> HttpResponse:
    """The first page: the four sums, what comes next, and what stands in the way."""
    at, creator = timezone.now(), request.user
    checklist = _checklist(creator)
    read = earnings.known(creator=creator, at=at)
    context = {
        "sums": earnings.sums_of(read),
        "steps": forecasts.steps(read)[:STEPS_SHOWN],
        "checklist": checklist,
        "is_eligible": all(row["line"].is_met for row in checklist),
        "now": at,
        "offer": earnings.offer_of(read),
        "is_automatic": queries.is_automatic(creator_id=creator.pk),
        "next_settlement_at": periods.settlement_at(at=at).ends_at,
        "gifts": earnings.gifts_of(read.rate, creator=creator, limit=LATEST),
        "lines": earnings.settlement_lines(creator=creator, limit=LATEST),
        "payouts": earnings.payouts(creator=creator, limit=LATEST),
    }
    return render(request, "payouts/studio.html", context)


@login_required
def gifts(request: SignedIn) -> HttpResponse:
    """Each gift received, newest first."""
    before = request.GET.get("before", "")
    cursor = int(before) if before.isdecimal() and len(before) < 19 else None
    read = earnings.known(creator=request.user, at=timezone.now())
    rows = earnings.gifts_of(read.rate, creator=request.user, before=cursor, limit=GIFTS_A_PAGE + 1)
    shown = rows[:GIFTS_A_PAGE]
    more = f"?before={shown[-1].cursor}" if len(rows) > GIFTS_A_PAGE else ""
    context = {
        "gifts": shown,
        "next_url": more,
        "first_url": "?" if before else "",
        "taken_back": books.taken_back(creator_id=request.user.pk, limit=TAKEN_BACK_SHOWN),
        "sums": earnings.sums_of(read),
    }
    return render(request, "payouts/gifts.html", context)


@login_required
def settlement_lines(request: SignedIn) -> HttpResponse:
    lines = earnings.settlement_lines(creator=request.user, limit=earnings.LINES_A_PAGE)
    at = timezone.now()
    context = {"lines": lines, "next_settlement_at": periods.settlement_at(at=at).ends_at}
    return render(request, "payouts/settlements.html", context)


@login_required
def payouts(request: SignedIn) -> HttpResponse:
    return _payouts_page(request)


def _payouts_page(request: SignedIn, *, form: ChoiceForm | None = None) -> HttpResponse:
    at, creator = timezone.now(), request.user
    is_automatic = queries.is_automatic(creator_id=creator.pk)
    offer = earnings.offer(creator=creator, at=at)
    context = {
        "payouts": earnings.payouts(creator=creator, limit=PAYOUTS_SHOWN),
        "offer": offer,
        "is_automatic": is_automatic,
        "form": form or ChoiceForm(initial={"automatic": "yes" if is_automatic else "no"}),
        "next_settlement_at": periods.settlement_at(at=at).ends_at,
    }
    return render(request, "payouts/payouts.html", context, status=422 if form else 200)


@login_required
@require_POST
def choose_automatic(request: SignedIn) -> HttpResponse:
    """Keep whether settlements pay by themselves."""
    form = ChoiceForm(request.POST)
    if not form.is_valid():
        return _payouts_page(request, form=form)
    services.choose_automatic(
        creator=request.user, is_automatic=form.is_automatic, at=timezone.now()
    )
    words = (
        "Each settlement pays you out from now on."
        if form.is_automatic
        else "Nothing is paid out until you ask. What is settled stays in your balance."
    )
    messages.success(request, words)
    return redirect("payouts:payouts")


@login_required
def payout(request: SignedIn, payout_id: UUID) -> HttpResponse:
    """One payout and every step it took."""
    row = earnings.payout(creator=request.user, payout_id=payout_id)
    if row is None:
        raise Http404
    held = people.restricting_payouts(user_ids=[request.user.pk], at=timezone.now())
    context = {
        "row": row,
        "payout": row.payout,
        "steps": earnings.payout_steps(row.payout),
        "review": held.get(request.user.pk) if row.payout.is_cancellable else None,
    }
    return render(request, "payouts/payout.html", context)


@login_required
def request_payout(request: SignedIn) -> HttpResponse:
    """Show amount, fee, currency and account, and pay out when that is confirmed."""
    at = timezone.now()
    form = PayoutForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.request_payout(creator=request.user, at=at, **form.cleaned_data)
        except (
            services.NothingToPay,
            services.TooLittle,
            terms.TooMuch,
            risk.NotEligible,
            ledger.OperationConflict,
            wallets.FxMissing,
            wallets.FxStale,
        ) as refusal:
            messages.error(request, str(refusal))
            return redirect("payouts:request_payout")
        messages.success(request, f"Your payout of {made.money} is on its way.")
        return redirect("payouts:payout", made.pk)
    offer = earnings.offer(creator=request.user, at=at)
    checklist = _checklist(request.user)
    context = {
        "offer": offer,
        "checklist": checklist,
        "is_eligible": all(row["line"].is_met for row in checklist),
        "is_automatic": queries.is_automatic(creator_id=request.user.pk),
        "lines": earnings.settlement_lines(creator=request.user, limit=LATEST),
        "payout_id": ledger.new_operation_id(),
        "amount_minor": units.minor(offer.amount) if offer.amount else 0,
    }
    return render(request, "payouts/request.html", context)


@login_required
@require_POST
def cancel_payout(request: SignedIn, payout_id: UUID) -> HttpResponse:
    row = earnings.payout(creator=request.user, payout_id=payout_id)
    if row is None:
        raise Http404
    try:
        services.cancel_payout(
            payout_id=payout_id, by=request.user, why="Cancelled by you", at=timezone.now()
        )
    except services.TooLate as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"Cancelled. {row.payout.money} is back in your balance.")
    return redirect("payouts:payout", payout_id)


@login_required
@reauthentication_required
def destination(request: SignedIn) -> HttpResponse:
    """Set where the creator is paid, by one of the rails offered. Asks for the password again."""
    current = queries.destination_in_use(creator_id=request.user.pk)
    initial = {
        "destination_id": ledger.new_operation_id(),
        "holder_name": current.holder_name if current else "",
        "currency": earnings.currency_of(creator=request.user),
    }
    ways = destinations.offered(country=str(request.user.country.code or ""))
    asked = request.POST.get("rail", "")  # empty: nothing was sent, so no form has its word yet
    forms: dict[str, AccountForm] = {
        rail: FORMS[rail](
            request.POST if asked == rail else None, initial=initial, auto_id=f"{rail}_%s"
        )
        for rail in ways
        if rail in FORMS
    }
    form = forms.get(asked)
    if form is not None and form.is_valid():
        made = destinations.set_destination(
            creator=request.user, rail=asked, at=timezone.now(), **form.cleaned_data
        )
        messages.success(request, f"You are paid to {made} from now on. We have told you by email.")
        return redirect("payouts:studio")
    context = {
        "forms": forms.values(),
        "current": current,
        "is_held": current is not None and current.usable_at > timezone.now(),
        "hold_days": settings.DESTINATION_HOLD_DAYS,
        "stripe_form": _stripe_form(request.user, current) if Rail.STRIPE in ways else None,
        "stripe_account": queries.stripe_account(creator_id=request.user.pk),
        "earlier": queries.earlier_destinations(creator_id=request.user.pk),
    }
    return render(request, "payouts/destination.html", context)


def _stripe_form(creator: User, current: Destination | None) -> StripeForm:
    name = current.holder_name if current else creator.display_name
    return StripeForm(initial={"holder_name": name}, auto_id="stripe_%s")


@login_required
@reauthentication_required
@require_POST
def connect_stripe(request: SignedIn) -> HttpResponse:
    """Go on at Stripe, where the creator says who they are and where Stripe pays them."""
    form = StripeForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Write the account holder's name.")
        return redirect("payouts:destination")
    back = request.build_absolute_uri(reverse("payouts:back_from_stripe"))
    try:
        onboarding = stripe_accounts.connect(
            creator=request.user,
            holder_name=form.cleaned_data["holder_name"],
            return_url=back,
            refresh_url=back,
            at=timezone.now(),
        )
    except (destinations.RailNotOffered, stripe_accounts.StripeAway) as refusal:
        messages.error(request, str(refusal))
        return redirect("payouts:destination")
    return redirect(onboarding.url)


@login_required
def back_from_stripe(request: SignedIn) -> HttpResponse:
    """Look at the account that the creator comes back from. Coming back proves nothing."""
    account = queries.stripe_account(creator_id=request.user.pk)
    if account is None:
        return redirect("payouts:destination")
    try:
        account = stripe_accounts.refresh(account_id=account.pk, at=timezone.now())
    except (destinations.RailNotOffered, stripe_accounts.StripeAway) as refusal:
        messages.warning(request, f"{refusal} We look again by ourselves.")
        return redirect("payouts:destination")
    if account.is_enabled:
        messages.success(request, "Stripe can pay you. We have told you by email.")
        return redirect("payouts:studio")
    messages.warning(request, "Stripe wants to know more before it can pay you. Go on there.")
    return redirect("payouts:destination")
