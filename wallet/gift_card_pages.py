"""The page where a gift card becomes coins."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import risk as people_risk
from accounts.models import User
from wallet import gift_cards, ledger, limits, own_limits
from wallet.gift_card_forms import RedeemForm

REFUSALS = (
    people_risk.NotAllowed,
    gift_cards.CannotRedeem,
    limits.Refused,
    own_limits.StillStarting,
)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("code")
@login_required
def gift_card(request: HttpRequest) -> HttpResponse:
    """Ask for the code, and turn it into coins."""
    assert isinstance(request.user, User), "the page is for people who are signed in"
    form = RedeemForm(request.POST or None)
    refusal: Exception | None = None
    if request.method == "POST" and form.is_valid():
        try:
            purchase = gift_cards.redeem(
                purchase_id=form.cleaned_data["purchase"],
                user=request.user,
                typed=form.cleaned_data["code"],
                at=timezone.now(),
            )
        except REFUSALS as error:
            refusal = error
        else:
            return redirect("wallet:return_page", purchase.pk)
    context = {
        "form": form,
        "purchase_id": ledger.new_operation_id(),
        "refusal": refusal,
        "remedy": getattr(refusal, "remedy", ""),
    }
    status = 200 if request.method != "POST" else _status(refusal)
    return render(request, "wallet/gift_card.html", context, status=status)


def _status(refusal: Exception | None) -> int:
    if refusal is None:
        return 400  # the form says what is wrong
    return 429 if isinstance(refusal, gift_cards.TooManyTries) else 409
