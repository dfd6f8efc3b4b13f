"""What is public about value: the rates and the ledger's seals. Never cached, so never outdated."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from wallet import cards, pricebook, queries, rates, rates_forms, seals
from wallet.models import RateCard, Region

SEALS_A_PAGE = 50
SEALS_A_FILE = 1000


@require_safe
@never_cache
def rates_page(request: HttpRequest) -> HttpResponse:
    """Show where the price of coins goes in one region, and what all regions and cards are."""
    now = timezone.now()
    regions = rates.regions()
    mine = _region_of(request, regions)
    form = rates_forms.RatesForm(
        request.GET or None,
        regions=regions,
        initial={"region": mine.pk if mine else "", "coins": 100},
    )
    region, coins = mine, 100
    if form.is_bound and form.is_valid():
        region, coins = form.chosen, form.cleaned_data["coins"]
    problem, examples = "", []
    try:
        examples = rates.examples(region=region, coins=coins, at=now) if region else []
    except (queries.FxMissing, queries.FxStale) as error:
        problem = str(error)
    return render(
        request,
        "wallet/rates.html",
        {
            "form": form,
            "region": region,
            "coins": coins,
            "examples": examples,
            "problem": problem,
            "region_lines": rates.region_lines(at=now),
            "cards": rates.cards(at=now),
            "notice_days": settings.PRICE_NOTICE_DAYS,
            "changes": pricebook.changes_to_come(at=now),
        },
    )


@require_safe
@never_cache
def rate_card(request: HttpRequest, card_id: int) -> HttpResponse:
    """Show one rate card beside the one it follows: what changes by it, for whom, and when."""
    now = timezone.now()
    card = RateCard.objects.filter(pk=card_id).first()
    if card is None:
        raise Http404("There is no such rate card.")
    region = _region_of(request, rates.regions())
    currency = region.currency if region else queries.BASE_CURRENCY
    news = rates.news_of(card=card, currency=currency, at=now)
    begun = card.effective_at <= now
    over = news.line.ends_at is not None and news.line.ends_at <= now
    context = {
        "news": news,
        "is_worse": news.before is not None and cards.is_worse(card=card, before=news.before.card),
        "state": "past" if over else "in_force" if begun else "announced",
    }
    return render(request, "wallet/rate_card.html", context)


@require_safe
@never_cache
def seals_page(request: HttpRequest) -> HttpResponse:
    """List the seals, newest first, and say how to check them."""
    before = _whole(request, "before", default=None)
    found = seals.latest(before=before, limit=SEALS_A_PAGE + 1)
    shown = found[:SEALS_A_PAGE]
    address = reverse("wallet:seals")
    return render(
        request,
        "wallet/seals.html",
        {
            "seals": shown,
            "next_url": f"{address}?before={shown[-1].period}" if found[SEALS_A_PAGE:] else "",
            "first_url": address if before is not None else "",
        },
    )


@require_safe
@never_cache
def seals_json(request: HttpRequest) -> JsonResponse:
    """Hand out the seals from the first on, a thousand at a time."""
    after = _whole(request, "after", default=0) or 0
    found = seals.following(after=after, limit=SEALS_A_FILE)
    full = len(found) == SEALS_A_FILE
    path = f"{reverse('wallet:seals_json')}?after={found[-1].period}" if full else None
    return JsonResponse(
        {
            "algorithm": "SHA-256 over the seal before and the header; then, for each thousand "
            "transfers in the order of their ids, over the hash so far and their lines",
            "periods": [seal.as_json() for seal in found],
            "next": path and request.build_absolute_uri(path),
        }
    )


def _region_of(request: HttpRequest, regions: list[Region]) -> Region | None:
    """The viewer's own region, else the United States, else the first."""
    country = getattr(request.user, "country", None)
    own = queries.region_for(country=str(country)) if country else None
    first = next((region for region in regions if region.pk == "US"), None)
    return own or first or next(iter(regions), None)


def _whole(request: HttpRequest, name: str, *, default: int | None) -> int | None:
    text = request.GET.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Http404("There is no such page.")
    return int(text)
