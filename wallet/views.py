"""The pages where a fan sees their coins and buys more."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import fingerprints
from accounts import risk as people_risk
from accounts.models import User
from wallet import (
    captures,
    forms,
    history,
    ledger,
    limits,
    locations,
    own_limits,
    payments,
    pricebook,
    purchases,
    queries,
    quotes,
    refunds,
    reviewing,
)
from wallet.models import Account, Dispute, Purchase, Region

SPENT_DAYS = 30
LATEST = 5
# How often a waiting page asks again, by how long the purchase has been open.
POLLS_S = ((timedelta(minutes=1), 2), (timedelta(minutes=10), 10))
POLL_S_LAST = 30
NOT_SOLD = (quotes.NotSoldHere, quotes.BuyingPaused)
REFUSALS = (
    *NOT_SOLD,
    people_risk.NotAllowed,
    quotes.AmountNotSold,
    quotes.PackageNotOffered,
    quotes.MethodNotOffered,
    limits.LimitReached,
    limits.NoLimitSet,
    limits.TimedOut,
    limits.TooManyAttempts,
    limits.TooManyInstruments,
    limits.TooManyPurchases,
    purchases.PurchaseConflict,
    purchases.CheckoutUnavailable,
    purchases.CheckoutDeclined,
)


@login_required
@require_GET
def balance(request: HttpRequest) -> HttpResponse:
    """Show the person's coins, where they came from, and what more cost."""
    user, at = _person(request), timezone.now()
    coins = queries.coins(user_id=user.pk)
    region = queries.region_for(str(user.country))
    context = {
        "coins": coins,
        "set_aside": queries.coins(user_id=user.pk, code=Account.Code.COIN_HOLD),
        "worth": queries.value_of_coins(region, coins, at) if region else None,
        "lots": queries.lots(user_id=user.pk),
        "waiting": queries.open_purchases_of(user_id=user.pk)[:5],
        "spent": queries.spent_since(user_id=user.pk, since=at - timedelta(days=SPENT_DAYS)),
        "spent_days": SPENT_DAYS,
        "latest": history.page(user_id=user.pk, limit=LATEST).entries,
        **_shelf(user, at),
    }
    return render(request, "wallet/balance.html", context)


@login_required
@require_GET
def packages(request: HttpRequest) -> HttpResponse:
    """Show packages and the exact amount; ``?coins=`` asks for a number, ``?next=`` leads back."""
    user, at = _person(request), timezone.now()
    asks = "coins" in request.GET
    form = forms.ExactForm(request.GET if asks else None)
    context = {"form": form, **_shelf(user, at)}
    is_valid = asks and form.is_valid()
    context["next"] = form.cleaned_data["next"] if is_valid else _next(request)
    if is_valid and "till" in context:
        context["exact"] = _exact(context["till"], form)
    template = "wallet/packages.html#exact" if _is_htmx(request) else "wallet/packages.html"
    return render(request, template, context)


@login_required
@require_http_methods(["GET", "POST"])
def checkout(request: HttpRequest) -> HttpResponse:
    """Show all there is to know before paying; on agreement lead to the provider's page."""
    if request.method == "GET":
        wanted = forms.BuyForm(request.GET)
        if wanted.is_valid():
            return _checkout_page(request, wanted)
        return _back_to_packages(request, wanted)
    form = forms.CheckoutForm(request.POST)
    if form.is_valid():
        return _agree(request, form)
    if "shown" in form.errors or "purchase" in form.errors:
        messages.error(request, "This form is damaged. Choose again what you want to buy.")
    return _back_to_packages(request, form)


@login_required
@require_GET
def return_page(request: HttpRequest, purchase_id: UUID) -> HttpResponse:
    """Say how a purchase stands; while it is open, look it up and ask again by itself."""
    user, at = _person(request), timezone.now()
    try:
        purchase = purchases.look_up(purchase_id=purchase_id, user_id=user.pk, at=at)
    except Purchase.DoesNotExist:
        raise Http404("You have no such purchase.") from None
    is_open = purchase.state in queries.OPEN
    if _is_htmx(request) and not is_open:
        return HttpResponse(headers={"HX-Refresh": "true"})
    age = at - purchase.created_at
    context = {
        "purchase": purchase,
        "is_open": is_open,
        "can_pay": is_open and bool(purchase.checkout_url),
        "has_left": "left" in request.GET,
        "poll_s": next((s for limit, s in POLLS_S if age < limit), POLL_S_LAST),
        "balance": queries.coins(user_id=user.pk),
        "again": _again(purchase),
        "why_let_go": captures.why_let_go(purchase),
        "right_price": _right_price(purchase, at),
        **_what_goes_back(purchase, at),
    }
    template = "wallet/purchase.html#purchase" if _is_htmx(request) else "wallet/purchase.html"
    return render(request, template, context)


@login_required
@require_POST
def cancel(request: HttpRequest, purchase_id: UUID) -> HttpResponse:
    """Cancel the person's own purchase, unless it is paid."""
    try:
        purchases.cancel_purchase(
            purchase_id=purchase_id, user_id=_person(request).pk, at=timezone.now()
        )
    except Purchase.DoesNotExist:
        raise Http404("You have no such purchase.") from None
    except (purchases.CannotCancelNow, payments.PaymentDiffers) as refusal:
        messages.error(request, str(refusal))
    return redirect("wallet:return_page", purchase_id)


def _agree(request: HttpRequest, form: forms.CheckoutForm) -> HttpResponse:
    given, user = form.cleaned_data, _person(request)
    address = get_adapter().get_client_ip(request) or ""
    seen = fingerprints.seen(
        device=request.COOKIES.get(settings.DEVICE_COOKIE_NAME, ""), address=address
    )
    fingerprints.record(user_id=user.pk, seen=seen, at=timezone.now())
    try:
        purchase = purchases.start_purchase(
            purchase_id=given["purchase"],
            user=user,
            coins=given["coins"],
            package_id=given["package"],
            method_code=given["method"],
            shown_minor=given["shown"],
            return_path=given["next"],
            evidence=locations.seen(request.headers),
            corrects_id=given["corrects"],
            address=address,
            at=timezone.now(),
        )
    except purchases.PriceChanged as change:
        return _checkout_page(request, form, changed=change)
    except (purchases.CheckoutUnavailable, own_limits.StillStarting) as refusal:
        # The same id again: the provider gives the page that it may have made already.
        return _checkout_page(request, form, refusal=refusal, purchase_id=given["purchase"])
    except REFUSALS as refusal:
        return _checkout_page(request, form, refusal=refusal)
    if purchase.state == Purchase.State.PENDING and purchase.checkout_url:
        return redirect(purchase.checkout_url)
    return redirect("wallet:return_page", purchase.pk)


def _checkout_page(
    request: HttpRequest,
    form: forms.BuyForm,
    *,
    refusal: Exception | None = None,
    changed: purchases.PriceChanged | None = None,
    purchase_id: UUID | None = None,
) -> HttpResponse:
    """The page with a new purchase's id in its form, made before the first try."""
    user, at, given = _person(request), timezone.now(), form.cleaned_data
    context: dict[str, Any] = {
        "next": given["next"],
        "purchase_id": purchase_id or ledger.new_operation_id(),
        "changed": changed,
        "refusal": refusal,
        "remedy": getattr(refusal, "remedy", ""),
    }
    try:
        people_risk.check_may_spend(user=user, at=at)
        reviewing.check_not_paused(user_id=user.pk, at=at)
        corrected = _corrected(user, given["corrects"])
        region = corrected.right_region if corrected else None
        till = quotes.till_for(user=user, region=region, at=at)
        basket = till.basket(coins=given["coins"], package_id=given["package"])
    except REFUSALS as error:
        context |= {"refusal": error, "remedy": getattr(error, "remedy", ""), "is_closed": True}
        return render(request, "wallet/checkout.html", context, status=403)
    preferred = queries.preferred_method(user_id=user.pk)
    chosen = basket.chosen(wanted=given.get("method") or preferred)
    context |= {
        "preferred": preferred,
        "basket": basket,
        "region": till.region,
        "tax_share": Decimal(till.region.tax_bps) / 10_000,
        "chosen": chosen,
        "over": next((offer.over for offer in basket.offers if offer.over), None),
        "quote": basket.quote(chosen.code) if chosen else None,
        "corrected": corrected,
        "elsewhere": _elsewhere(request, till.region, corrected),
    }
    if _is_htmx(request) and request.method == "GET":
        return render(request, "wallet/checkout.html#where", context | {"is_open": True})
    status = 409 if changed or refusal else 200
    return render(request, "wallet/checkout.html", context, status=status)


def _corrected(user: User, purchase_id: UUID | None) -> Purchase | None:
    """Find what was let go, whose right price is asked for. Raises PurchaseConflict."""
    if purchase_id is None:
        return None
    found = queries.let_go(user_id=user.pk, purchase_id=purchase_id)
    if found is None:
        raise purchases.PurchaseConflict
    return found


def _elsewhere(request: HttpRequest, region: Region, corrected: Purchase | None) -> str:
    """The country that the buyer seems to be in, when its price is another; empty otherwise."""
    if corrected is not None:
        return ""
    seen = locations.seen(request.headers)
    pieces = locations.pieces_of(seen | {"country": str(_person(request).country)})
    return locations.differs(pieces=pieces, region=region)


def _back_to_packages(request: HttpRequest, form: forms.BuyForm) -> HttpResponse:
    """Show the packages with what is wrong beside the field."""
    user, at = _person(request), timezone.now()
    context = {"form": form, "next": _next(request), **_shelf(user, at)}
    return render(request, "wallet/packages.html", context, status=400)


def _shelf(user: User, at: datetime) -> dict[str, Any]:
    """What is for sale to the person, or why nothing is."""
    try:
        till = quotes.till_within(user=user, at=at)
    except NOT_SOLD as refusal:
        return {"not_sold": refusal}
    return {
        "till": till,
        "baskets": till.packages(),
        "changes": pricebook.changes_to_come(at=at, region=till.region),
    }


def _exact(till: quotes.Till, form: forms.ExactForm) -> quotes.Basket | None:
    try:
        return till.exact(form.cleaned_data["coins"])
    except quotes.AmountNotSold as refusal:
        form.add_error("coins", str(refusal))
        return None


def _what_goes_back(purchase: Purchase, at: datetime) -> dict[str, Any]:
    """What of a purchase can be given back, was asked back, or is taken back by a bank."""
    if purchase.state != Purchase.State.CREDITED:
        return {}
    return {
        "offer": refunds.offer(purchase=purchase, at=at),
        "refunds": purchase.refunds.select_related("credit_note__taken_back_by").order_by(
            "-requested_at", "-pk"
        ),
        "disputes": purchase.disputes.exclude(state=Dispute.State.UNBOOKED)
        .select_related("credit_note")
        .order_by("-learnt_at", "-pk"),
    }


def _right_price(purchase: Purchase, at: datetime) -> dict[str, Any] | None:
    """The same coins at the price of the region that is right, of a purchase that was let go."""
    region = purchase.right_region
    if purchase.state != Purchase.State.VOIDED or region is None or not region.is_open:
        return None
    try:
        basket = quotes.till_of(region=region, at=at).exact(purchase.coins)
    except (quotes.BuyingPaused, quotes.AmountNotSold):
        return None
    query = {"coins": purchase.coins, "corrects": purchase.pk}
    if purchase.return_path:
        query["next"] = purchase.return_path
    address = reverse("wallet:checkout", query=query)
    return {"region": region, "basket": basket, "address": address}


def _again(purchase: Purchase) -> str:
    query = {"coins": purchase.coins} | (
        {"next": purchase.return_path} if purchase.return_path else {}
    )
    return reverse("wallet:checkout", query=query)


def _next(request: HttpRequest) -> str:
    return forms.safe_path(request.GET.get("next") or request.POST.get("next", ""))


def _is_htmx(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
