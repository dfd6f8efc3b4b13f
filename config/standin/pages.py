"""The pages: the hosted checkout that a payer meets, and the books for people in the demo.

They keep no cookie and run no script. A form carries the number of its attempt, so sending it twice
charges once. A card's number is looked up and forgotten: it is neither stored nor shown again.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.csp import CSP, build_policy
from django.views.decorators.http import require_GET, require_http_methods

from config.standin import (
    accounts,
    books,
    cards,
    customers,
    money,
    options,
    payments,
    policy,
    rails,
    sessions,
    shapes,
)
from config.standin.models import (
    Charge,
    ChargeStatus,
    CheckoutSession,
    IntentStatus,
    SessionStatus,
)

LINES_A_PAGE: Final = 50
_ASSETS: Final = Path(__file__).parent / "assets"


@dataclass(frozen=True, slots=True, kw_only=True)
class TenderForm:
    """What a payer typed or chose, and what is wrong with it."""

    tender: payments.Tender | None
    errors: dict[str, str]


@require_GET
def asset(_request: HttpRequest, *, name: str) -> FileResponse:
    """Send one of the pages' own files; the addresses name which."""
    return FileResponse((_ASSETS / name).open("rb"))


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "standin/home.html", {"merchant": options.current().merchant})


@require_http_methods(["GET", "POST"])
def checkout(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show the hosted page of a session, or try the card that was typed there."""
    session = CheckoutSession.objects.filter(public_id=public_id).first()
    if session is None:
        return render(request, "standin/unknown.html", status=404)
    at = datetime.now(UTC)
    if not session.is_open(at=at):
        return _closed(request, session, may_go_on=request.method == "POST")
    if request.method == "GET":
        chosen = cards.BY_NAME.get(request.GET.get("card", ""))
        return _checkout_page(request, session, context={"chosen": chosen})
    form = _read_tender(request, session, at=at)
    if form.tender is None:
        return _checkout_page(request, session, context={"errors": form.errors})
    tried = payments.pay(
        session_id=public_id,
        attempt=_attempt(request, session),
        tender=form.tender,
        at=at,
    )
    return _after(request, public_id=public_id, tried=tried)


@require_http_methods(["GET", "POST"])
def challenge(request: HttpRequest, public_id: str) -> HttpResponse:
    """Be the page of the payer's bank, which asks whether it is really them."""
    session = CheckoutSession.objects.filter(public_id=public_id).first()
    if session is None:
        return render(request, "standin/unknown.html", status=404)
    if request.method == "POST":
        tried = payments.answer_challenge(
            session_id=public_id,
            attempt=_attempt(request, session),
            is_approved=request.POST.get("answer") == "approve",
            at=datetime.now(UTC),
        )
        return _after(request, public_id=public_id, tried=tried)
    intent = shapes.intent_of(session)
    if intent is None or intent.status != IntentStatus.NEEDS_ACTION:
        return HttpResponseRedirect(f"/c/pay/{public_id}")
    context = _order(session) | {
        "card": payments.instrument_named(intent.waiting_card),
        "attempt": session.attempts,
    }
    return _page(request, "standin/challenge.html", session, context)


@require_GET
def payments_book(request: HttpRequest) -> HttpResponse:
    """Show what the payment company charged."""
    lines, older = books.payment_lines(before=_before(request), limit=LINES_A_PAGE)
    context = {
        "lines": lines,
        "older": older,
        "totals": books.currency_totals(),
        "deliveries": books.delivery_counts(),
    }
    return render(request, "standin/book.html", context)


@require_GET
def bank_book(request: HttpRequest) -> HttpResponse:
    """Show what the bank sent, and what each kind of account does."""
    lines, older = books.transfer_lines(before=_before(request), limit=LINES_A_PAGE)
    context = {
        "lines": lines,
        "older": older,
        "endings": accounts.ENDINGS,
        "otherwise": accounts.OTHERWISE,
    }
    return render(request, "standin/bank.html", context)


def _checkout_page(
    request: HttpRequest, session: CheckoutSession, *, context: dict[str, Any]
) -> HttpResponse:
    taken = session.method_types or ["card"]
    shown = (
        _order(session)
        | {
            "attempt": session.attempts + 1,
            "takes_cards": "card" in taken,
            "cards": cards.CARDS,
            "rails": [rails.BY_NAME[name] for name in taken if name != "card"],
            "saved": customers.saved_cards(session),
            "offers_saving": session.offers_saving,
        }
        | context
    )
    return _page(request, "standin/checkout.html", session, shown)


def _after(request: HttpRequest, *, public_id: str, tried: payments.Attempt) -> HttpResponse:
    """Lead the payer on from a try."""
    session = sessions.session_named(public_id)
    match tried.outcome:
        case payments.Outcome.PAID | payments.Outcome.PROCESSING:
            return HttpResponseRedirect(_success_url(session))
        case payments.Outcome.CHALLENGE:
            return HttpResponseRedirect(f"/c/pay/{public_id}/challenge")
        case payments.Outcome.UNANSWERED:
            return _page(request, "standin/no_answer.html", session, _order(session), status=504)
        case payments.Outcome.CLOSED:
            return _closed(request, session, may_go_on=False)
        case payments.Outcome.DECLINED:
            context = {"declined": tried.message}
            return _checkout_page(request, session, context=context)


def _closed(request: HttpRequest, session: CheckoutSession, *, may_go_on: bool) -> HttpResponse:
    """Answer for a session that is paid or over; a form sent twice goes on to the merchant."""
    if session.status == SessionStatus.COMPLETE and may_go_on:
        return HttpResponseRedirect(_success_url(session))
    last = Charge.objects.filter(intent__session=session).order_by("-number").first()
    has_failed = last is not None and last.status == ChargeStatus.FAILED
    context = _order(session) | {
        "is_complete": session.status == SessionStatus.COMPLETE,
        "is_paid": session.is_paid,
        "has_failed": has_failed,
        "success_url": _success_url(session),
    }
    is_over = session.status != SessionStatus.COMPLETE
    return _page(request, "standin/closed.html", session, context, status=410 if is_over else 200)


def _read_tender(request: HttpRequest, session: CheckoutSession, *, at: datetime) -> TenderForm:
    """Read which of the page's forms was sent: a rail, a saved card, or a card typed anew."""
    taken = session.method_types or ["card"]
    rail = rails.BY_NAME.get(request.POST.get("rail", ""))
    if rail is not None and rail.name in taken:
        return TenderForm(tender=payments.Tender(card=rail, expiry=""), errors={})
    if "card" not in taken:
        return TenderForm(tender=None, errors={"rail": "Choose one of the ways to pay."})
    for saved in customers.saved_cards(session):
        if saved.public_id == request.POST.get("saved"):
            tender = payments.Tender(card=saved.card, expiry=saved.expiry)
            return TenderForm(tender=tender, errors={})
    return _read_card(request, at=at)


def _read_card(request: HttpRequest, *, at: datetime) -> TenderForm:
    """Read the card form; what is wrong is said beside its field."""
    errors: dict[str, str] = {}
    number = re.sub(r"[\s-]", "", request.POST.get("number", ""))
    card = cards.BY_NUMBER.get(number)
    if not cards.is_card_number(number):
        errors["number"] = "This card number is incomplete or mistyped. Check it and try again."
    elif card is None:
        errors["number"] = (
            "This is not a test card, and no real card can be used here. "
            "Choose one of the test cards on this page."
        )
    expiry = _read_expiry(request.POST.get("expiry", ""), errors=errors, at=at)
    digits = card.cvc_digits if card else 3
    if not re.fullmatch(rf"[0-9]{{{digits}}}", request.POST.get("cvc", "").strip()):
        errors["cvc"] = f"Enter the {digits} digits of the security code."
    if card is None or errors:
        return TenderForm(tender=None, errors=errors)
    saves = request.POST.get("save") == "1"
    return TenderForm(tender=payments.Tender(card=card, expiry=expiry, saves=saves), errors={})


def _read_expiry(text: str, *, errors: dict[str, str], at: datetime) -> str:
    match = re.fullmatch(r"\s*(0?[1-9]|1[0-2])\s*/?\s*(?:20)?([0-9]{2})\s*", text)
    if match is None:
        errors["expiry"] = "Enter month and year, such as 12 / 34."
        return ""
    month, year = int(match[1]), 2000 + int(match[2])
    if (year, month) < (at.year, at.month):
        errors["expiry"] = "This date is in the past. Use a card that is still valid."
    return f"{month:02}/{year}"


def _attempt(request: HttpRequest, session: CheckoutSession) -> int:
    """Return the attempt a form was made for; a form without one is a new attempt."""
    given = request.POST.get("attempt", "")
    return int(given) if re.fullmatch(r"[0-9]{1,8}", given) else session.attempts + 1


def _before(request: HttpRequest) -> int | None:
    given = request.GET.get("before", "")
    return int(given) if re.fullmatch(r"[0-9]{1,18}", given) else None


def _order(session: CheckoutSession) -> dict[str, Any]:
    """Return what every page of a session shows of its order."""
    currency = session.currency
    return {
        "session": session,
        "merchant": options.current().merchant,
        "amount": money.shown(amount_minor=session.amount_minor, currency=currency),
        "currency": currency.upper(),
        "items": [
            {
                "name": item["name"],
                "description": item["description"],
                "quantity": item["quantity"],
                "amount": money.shown(
                    amount_minor=item["unit_amount"] * item["quantity"], currency=currency
                ),
            }
            for item in session.line_items
        ],
        "cancel_url": session.cancel_url,
        "home_url": origin(session.success_url) + "/",
    }


def _page(
    request: HttpRequest,
    template: str,
    session: CheckoutSession,
    context: dict[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    """Render a page whose forms may end at the merchant: browsers check where a form leads."""
    response = render(request, template, context, status=status)
    allowed = [CSP.SELF, origin(session.success_url)]
    page_policy = build_policy({**policy.CONTENT, "form-action": allowed})
    response.headers["Content-Security-Policy"] = page_policy
    response.headers["Cache-Control"] = "no-store"
    return response


def _success_url(session: CheckoutSession) -> str:
    return session.success_url.replace("{CHECKOUT_SESSION_ID}", session.public_id)


def origin(url: str) -> str:
    """Return the scheme and host of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
