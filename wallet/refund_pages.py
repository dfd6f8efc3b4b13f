"""The pages where a fan gives coins back: what can go back, asking for it, and how it stands."""

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from djmoney.money import Money

from accounts.models import User
from wallet import ledger, queries, refund_forms, refunds, returns, reversals
from wallet.models import Refund
from wallet.money import money

PURCHASES_A_PAGE: Final = 20
REFUNDS_SHOWN: Final = 20
REFUSALS: Final = (
    refunds.NotRefundable,
    refunds.PaidByGiftCard,
    refunds.RefundConflict,
    refunds.StillAsking,
    ledger.CoinsSpent,
    ledger.LotDisputed,
)
TONES: Final = {
    Refund.State.REQUESTED: "info",
    Refund.State.APPROVED: "info",
    Refund.State.SUBMITTED: "info",
    Refund.State.PAID: "good",
    Refund.State.DENIED: "bad",
    Refund.State.FAILED: "bad",
}


@require_safe
@login_required
def refunds_page(request: HttpRequest) -> HttpResponse:
    """Show what of each purchase can be given back, until when, or why not; and what was asked."""
    user, at = _person(request), timezone.now()
    before = request.GET.get("before", "")
    rows = reversals.bought_by(user_id=user.pk, before=_place(before), limit=PURCHASES_A_PAGE + 1)
    shown = rows[:PURCHASES_A_PAGE]
    context = {
        "offers": refunds.offers(purchases=shown, at=at),
        "refunds": [] if before else _toned(reversals.refunds_of(user_id=user.pk)[:REFUNDS_SHOWN]),
        "next_url": f"?before={shown[-1].pk}" if len(rows) > PURCHASES_A_PAGE else "",
        "first_url": "?" if before else "",
    }
    return render(request, "wallet/refunds.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def ask(request: HttpRequest, purchase_id: UUID) -> HttpResponse:
    """Show what goes back for how much; on a POST ask for it, or with ``look`` say its worth."""
    user, at = _person(request), timezone.now()
    purchase = queries.purchase_of(user_id=user.pk, purchase_id=purchase_id)
    if purchase is None:
        raise Http404("You have no such purchase.")
    first = _asked_before(request, user)
    if first is not None:
        return redirect("wallet:refund", first.pk)
    offer = refunds.offer(purchase=purchase, at=at)
    given = request.POST if request.method == "POST" else None
    form = refund_forms.RefundForm(
        given,
        coins_max=offer.coins,
        initial={"coins": offer.coins, "refund": ledger.new_operation_id()},
    )
    context: dict[str, Any] = {"offer": offer, "form": form, "worth": offer.money}
    if given is None:
        return render(request, "wallet/refund_ask.html", context)
    if not form.is_valid():
        return render(request, "wallet/refund_ask.html", context, status=400)
    asked = form.cleaned_data
    if "look" in given:
        context["worth"] = _worth(offer, coins=asked["coins"])
        if context["worth"] is None:
            form.add_error("coins", f"Between 1 and {offer.coins:,} coins can be given back.")
        return render(request, "wallet/refund_ask.html", context)
    try:
        made = refunds.request(
            refund_id=asked["refund"],
            user=user,
            purchase_id=purchase.pk,
            coins=asked["coins"],
            ground=asked["ground"],
            words=asked["words"],
            at=at,
        )
    except REFUSALS as refusal:
        form.add_error(None, str(refusal))
        context["offer"] = refunds.offer(purchase=purchase, at=at)
        return render(request, "wallet/refund_ask.html", context, status=409)
    return redirect("wallet:refund", made.pk)


@require_safe
@login_required
def refund(request: HttpRequest, refund_id: UUID) -> HttpResponse:
    """Say how one refund stands, until when it is answered, and why."""
    found = _own(request, refund_id)
    context = {
        "refund": found,
        "tone": TONES.get(Refund.State(found.state), ""),
        "is_open": found.state in Refund.OPEN,
        "can_cancel": found.state == Refund.State.REQUESTED,
        "came_back": found.state == Refund.State.FAILED and reversals.was_paid(found),
        "is_part": found.approved_coins not in (None, 0, found.coins),
    }
    return render(request, "wallet/refund.html", context)


@require_POST
@login_required
def cancel(request: HttpRequest, refund_id: UUID) -> HttpResponse:
    """Take back one's own request: the coins are free again."""
    try:
        refunds.cancel(refund_id=refund_id, user=_person(request), at=timezone.now())
    except Refund.DoesNotExist:
        raise Http404("You have no such refund.") from None
    except refunds.AlreadyDecided as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "Taken back. Your coins are free again.")
    return redirect("wallet:refund", refund_id)


def _asked_before(request: HttpRequest, user: User) -> Refund | None:
    """Find what this very form asked for already, so that a double click is answered alike."""
    try:
        refund_id = UUID(request.POST.get("refund", ""))
    except ValueError:
        return None
    return reversals.refunds_of(user_id=user.pk).filter(pk=refund_id).first()


def _worth(offer: refunds.Offer, *, coins: int) -> Money | None:
    if not 1 <= coins <= offer.coins:
        return None
    value = returns.refund_value(purchase_id=offer.purchase.pk, coins=coins)
    return money(value.gross_minor, offer.purchase.currency)


def _own(request: HttpRequest, refund_id: UUID) -> Refund:
    found = reversals.refunds_of(user_id=_person(request).pk).filter(pk=refund_id).first()
    if found is None:
        raise Http404("You have no such refund.")
    return found


def _toned(rows: Any) -> list[tuple[Refund, str]]:
    return [(row, TONES.get(Refund.State(row.state), "")) for row in rows]


def _place(before: str) -> UUID | None:
    if not before:
        return None
    try:
        return UUID(before)
    except ValueError as error:
        raise Http404("There is no such page.") from error


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the page is for people who are signed in"
    return request.user
