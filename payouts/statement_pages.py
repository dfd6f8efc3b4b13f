"""Statements: a creator's own, as pages and files, and the public page that checks one."""

from datetime import date
from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import fingerprints
from accounts.models import User
from payouts import closing, sheets, tax_years, vouching
from payouts.forms import VerifyForm
from payouts.models import Statement, StatementMonth


class SignedIn(HttpRequest):
    """A request behind ``login_required``."""

    user: User


@require_safe
@login_required
def statements(request: SignedIn) -> HttpResponse:
    """List the creator's statements, and the months whose statements are being made."""
    state = StatementMonth.State
    context = {
        "statements": [
            {"row": row, "diamonds": row.facts["diamonds"]}
            for row in closing.statements_of(creator=request.user)
        ],
        "coming": StatementMonth.objects.exclude(state=state.DONE).order_by("month"),
        "verify_url": reverse("payouts:verify"),
        "years": tax_years.years(creator_id=request.user.pk, at=timezone.now()),
    }
    return render(request, "payouts/statements.html", context)


@require_safe
@login_required
def statement(request: SignedIn, month: str) -> HttpResponse:
    """Show one statement as a page: the same tables as its PDF."""
    found = _own(request, month)
    context = {"statement": found, "facts": sheets.shown(found.facts)}
    return render(request, "payouts/statement.html", context)


@require_safe
@login_required
def statement_pdf(request: SignedIn, month: str) -> HttpResponse:
    """Hand out the statement as a PDF: the same file every time."""
    found = _own(request, month)
    kept = closing.document(statement=found)
    return _file(bytes(kept.pdf), "application/pdf", f"statement-{found.label}.pdf")


@require_safe
@login_required
def statement_csv(request: SignedIn, month: str) -> HttpResponse:
    """Hand out the statement's lines: what its digest is made of."""
    found = _own(request, month)
    lines = sheets.as_csv(found.facts, digest=found.digest, code=found.code_words)
    return _file(lines.encode(), "text/csv; charset=utf-8", f"statement-{found.label}.csv")


@never_cache
@require_http_methods(["GET", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """Say whether a statement is genuine, to whoever has its code."""
    form = VerifyForm(
        request.POST or None,
        request.FILES or None,
        initial={"code": request.GET.get("code", "")[:100]},
    )
    context: dict[str, Any] = {"form": form}
    status = 200
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        seen = fingerprints.seen(address=get_adapter().get_client_ip(request) or "")
        try:
            context["verdict"] = vouching.check(
                asked=form.cleaned_data["code"],
                file=file.read() if file else None,
                network=seen.network,
            )
        except vouching.TooManyChecks as refusal:
            form.add_error(None, str(refusal))
            status = 429
        except vouching.NoSuchStatement as refusal:
            form.add_error("code", str(refusal))
            status = 404
    return render(request, "payouts/verify.html", context, status=status)


def _own(request: SignedIn, month: str) -> Statement:
    try:
        on = date.fromisoformat(f"{month}-01")
    except ValueError as error:
        raise Http404("There is no such month.") from error
    found: Statement | None = (
        closing.statements_of(creator=request.user).filter(month_id=on).first()
    )
    if found is None:
        raise Http404("You have no statement of that month.")
    return found


def _file(content: bytes, kind: str, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response
