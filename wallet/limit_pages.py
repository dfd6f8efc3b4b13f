"""The pages where a fan sees what limits them, sets limits of their own, and what they spent."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from wallet import facts, limit_forms, limits, own_limits, queries, quotes, regional_limits
from wallet.models import PaymentKind, PurchaseLimit, Window, kind_of

MONTHS = 12
NOT_SOLD = (quotes.NotSoldHere, quotes.BuyingPaused)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A way to pay and what may be paid by it."""

    kind: PaymentKind
    lines: list[limits.Line]


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A limit that will change: what it will be, when and why."""

    row: PurchaseLimit
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """So many of at most so many, over a time."""

    label: str
    used: int
    most: int


@require_safe
@login_required
def limits_page(request: HttpRequest) -> HttpResponse:
    """Show every limit of the person's, with what is used of it."""
    return _page(request)


@require_POST
@login_required
def set_limits(request: HttpRequest) -> HttpResponse:
    """Set or take away limits of the person's own."""
    user, at = _person(request), timezone.now()
    form = _own_form(user, at, request.POST)
    if form is None or not form.is_valid():
        return _page(request, own_form=form)
    try:
        for window, amount_minor in form.changes():
            row = own_limits.set_limit(
                user_id=user.pk,
                window=window,
                amount_minor=amount_minor,
                currency=form.currency,
                at=at,
            )
            messages.success(request, own_limits.change_words(row))
    except (own_limits.NotALimit, queries.FxMissing, queries.FxStale) as refusal:
        form.add_error(None, str(refusal))
        return _page(request, own_form=form)
    return redirect("wallet:limits")


@require_POST
@login_required
def keep_limit(request: HttpRequest) -> HttpResponse:
    """Withdraw a raise that waits."""
    form = limit_forms.KeepForm(request.POST)
    if form.is_valid():
        kept = own_limits.keep_limit(
            user_id=_person(request).pk,
            window=Window(form.cleaned_data["window"]),
            at=timezone.now(),
        )
        if kept:
            messages.success(request, "Your limit stays as it is.")
    return redirect("wallet:limits")


@require_POST
@login_required
def time_out(request: HttpRequest) -> HttpResponse:
    """Begin a break from buying."""
    form = limit_forms.TimeOutForm(request.POST)
    if not form.is_valid():
        return _page(request, time_out_form=form)
    try:
        own_limits.take_time_out(user_id=_person(request).pk, length=form.length, at=timezone.now())
    except own_limits.NotATimeOut as refusal:
        form.add_error("days", str(refusal))
        return _page(request, time_out_form=form)
    return redirect("wallet:limits")


@require_safe
@login_required
def spending_page(request: HttpRequest) -> HttpResponse:
    """Show what the person paid by month; ``month`` opens one."""
    user, zone = _person(request), timezone.get_current_timezone()
    months = facts.months(user_id=user.pk, zone=zone, count=MONTHS)
    chosen = _month(request) or (months[0].month if months else None)
    context: dict[str, Any] = {
        "months": [(month, month.month == chosen) for month in months],
        "chosen": chosen,
    }
    if chosen is not None:
        ends = _next_month(chosen)
        context["paid"] = list(facts.paid_in_month(user_id=user.pk, begins=chosen, ends=ends))
        context["sums"] = [month for month in months if month.month == chosen]
    return render(request, "wallet/spending.html", context)


def _page(
    request: HttpRequest,
    *,
    own_form: limit_forms.OwnLimitsForm | None = None,
    time_out_form: limit_forms.TimeOutForm | None = None,
) -> HttpResponse:
    """The page, with the form that was refused in place of a fresh one."""
    user, at = _person(request), timezone.now()
    is_refused = own_form is not None or time_out_form is not None
    context: dict[str, Any] = {
        "own_form": own_form or _own_form(user, at),
        "time_out_form": time_out_form or limit_forms.TimeOutForm(),
        "waiting": list(facts.waiting_limits(user_id=user.pk, at=at).values()),
        "large_usd": settings.OWN_LIMIT_LARGE_USD,
    }
    try:
        context |= _shown(quotes.buyer(user=user, at=at))
    except NOT_SOLD as refusal:
        context["not_sold"] = refusal
    return render(request, "wallet/limits.html", context, status=400 if is_refused else 200)


def _shown(buyer: facts.Buyer) -> dict[str, Any]:
    offered = {kind_of(method.hold_class) for method in queries.methods_for(buyer.region)}
    groups = [
        Group(kind=kind, lines=limits.lines(buyer=buyer, kind=kind))
        for kind in PaymentKind
        if kind in offered
    ]
    is_out = buyer.time_out_until is not None and buyer.at < buyer.time_out_until
    return {
        "region": buyer.region,
        "tier": buyer.tier,
        "groups": [group for group in groups if group.lines],
        "own": limits.own_lines(buyer),
        "announced": [
            Announced(row=row, words=regional_limits.words(row))
            for row in facts.rows_to_come(region=buyer.region, at=buyer.at)
        ],
        "counts": _counts(buyer),
        "time_out_until": buyer.time_out_until if is_out else None,
    }


def _counts(buyer: facts.Buyer) -> list[Count]:
    day = [one for one in buyer.counted if one.at > buyer.at - limits.COUNT_OVER]
    return [
        Count(
            label="Purchases in the last 24 hours",
            used=len(day),
            most=settings.PURCHASES_A_DAY_MAX,
        ),
        Count(
            label="Purchases started in the last 7 days",
            used=len(buyer.attempts),
            most=settings.PURCHASE_ATTEMPTS_A_WEEK_MAX,
        ),
        Count(
            label="Cards and accounts used in the last 7 days",
            used=len(buyer.instruments),
            most=settings.INSTRUMENTS_A_WEEK_MAX,
        ),
    ]


def _own_form(user: User, at: datetime, given: Any = None) -> limit_forms.OwnLimitsForm | None:
    """The form in the currency of where the person lives; none where coins are not sold."""
    region = queries.region_for(str(user.country))
    if region is None:
        return None
    current = facts.own_limits(user_id=user.pk, at=at)
    return limit_forms.OwnLimitsForm(given, currency=region.currency, current=current)


def _month(request: HttpRequest) -> datetime | None:
    text = request.GET.get("month", "")
    if not text:
        return None
    try:
        read = datetime.strptime(text, "%Y-%m")  # noqa: DTZ007 - the zone is the reader's
    except ValueError as error:
        raise Http404("There is no such month.") from error
    return timezone.make_aware(read)


def _next_month(month: datetime) -> datetime:
    year, number = (month.year + 1, 1) if month.month == 12 else (month.year, month.month + 1)
    return timezone.make_aware(datetime(year, number, 1))  # noqa: DTZ001


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the page is for people who are signed in"
    return request.user
