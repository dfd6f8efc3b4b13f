"""The studio's pages of words: what matures when, how money comes, and the year in sums."""

from datetime import UTC, datetime
from typing import Final

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from djmoney.money import Money

from accounts.models import User
from payouts import earnings, eligibility, forecasts, periods, queries, tax_years, terms
from wallet import books, holds, money, rates
from wallet.models import FxRate

HISTORY_SHOWN: Final = 30
BPS_A_PERCENT: Final = 100


class SignedIn(HttpRequest):
    """A request behind ``login_required``."""

    user: User


@require_safe
@login_required
def forecast(request: SignedIn) -> HttpResponse:
    """Show everything pending by the day on which it matures, and why not sooner."""
    read = earnings.known(creator=request.user, at=timezone.now())
    steps = forecasts.steps(read)
    context = {
        "sums": earnings.sums_of(read),
        "steps": steps,
        "chart": forecasts.chart(steps),
        "next_settlement_at": periods.settlement_at(at=read.at).ends_at,
    }
    return render(request, "payouts/forecast.html", context)


@require_safe
@login_required
def explained(request: SignedIn) -> HttpResponse:
    """Tell how a gift becomes money, and every hold, reversal and debt there has been."""
    read = earnings.known(creator=request.user, at=timezone.now())
    creator_id = request.user.pk
    cards = rates.cards(at=read.at)
    context = {
        "sums": earnings.sums_of(read),
        "cards": cards,
        "first_days": cards.in_force.first_days if cards.in_force else 0,
        "debt_share_percent": settings.DEBT_SHARE_BPS // BPS_A_PERCENT,
        "period_minutes": settings.PERIOD_S // 60,
        "minimum": _minimum(read.rate),
        "next_settlement_at": periods.settlement_at(at=read.at).ends_at,
        "taken_back": books.taken_back(creator_id=creator_id, limit=HISTORY_SHOWN),
        "held": holds.held(creator_id=creator_id, limit=HISTORY_SHOWN),
        "owing": holds.owing(creator_id=creator_id, limit=HISTORY_SHOWN),
        "not_arrived": queries.not_arrived(creator_id=creator_id, limit=HISTORY_SHOWN),
        "unmet": [
            line
            for line in eligibility.checklist(creator=request.user, at=read.at)
            if not line.is_met
        ],
        "offer": earnings.offer_of(read),
        "is_automatic": queries.is_automatic(creator_id=creator_id),
        "destination_days": settings.DESTINATION_HOLD_DAYS,
    }
    return render(request, "payouts/explained.html", context)


@require_safe
@login_required
def tax_year(request: SignedIn, year: int) -> HttpResponse:
    """Show the year by quarter and currency."""
    years = _years(request, year)
    context = {
        "year": year,
        "years": years,
        "lines": tax_years.summary(creator_id=request.user.pk, year=year),
    }
    return render(request, "payouts/tax_year.html", context)


@require_safe
@login_required
def tax_year_csv(request: SignedIn, year: int) -> HttpResponse:
    """Hand the same out as a file."""
    _years(request, year)
    lines = tax_years.summary(creator_id=request.user.pk, year=year)
    response = HttpResponse(
        tax_years.as_csv(lines, year=year), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="earnings-{year}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response


def _years(request: SignedIn, year: int) -> list[int]:
    years = tax_years.years(creator_id=request.user.pk, at=datetime.now(UTC))
    if year not in years:
        raise Http404("There is nothing of that year.")
    return years


def _minimum(rate: FxRate | None) -> Money | None:
    """The least that is paid out, where there is a rate to say it by."""
    return None if rate is None else money.money(terms.minimum_minor(rate), rate.currency)
