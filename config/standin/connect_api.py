"""The payment company's endpoints for paying people out, its onboarding page, and the tests' door.

As much of Connect as Carat uses: express accounts that take transfers, links to open them,
transfers found by their group, and reversals.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from babel.core import get_global
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.csp import CSP, build_policy
from django.views.decorators.http import require_http_methods

from config.standin import api, connect, connect_shapes, control, orders, pages, policy
from config.standin.models import (
    AccountLink,
    ConnectedAccount,
    ConnectTransfer,
    Json,
    TransferReversal,
)
from config.standin.parameters import ParameterRefused
from config.standin.protocol import Call

COUNTRIES: Final = frozenset(get_global("territory_currencies"))

ACCOUNTS: Final = api.Kind(
    noun="account",
    param="account",
    address="/v1/accounts",
    rows=ConnectedAccount.objects.all,
    show=connect_shapes.account,
    filters={},
)
TRANSFERS: Final = api.Kind(
    noun="transfer",
    param="transfer",
    address="/v1/transfers",
    rows=lambda: ConnectTransfer.objects.select_related("destination"),
    show=connect_shapes.transfer,
    filters={"transfer_group": "transfer_group", "destination": "destination__public_id"},
)
# Lists lag; one object asked for by its name does not.
LISTED: Final = api.Kind(
    noun="transfer",
    param="transfer",
    address="/v1/transfers",
    rows=lambda: ConnectTransfer.objects.select_related("destination").filter(
        listed_at__lte=datetime.now(UTC)
    ),
    show=connect_shapes.transfer,
    filters=TRANSFERS.filters,
)


def create_account(call: Call) -> Json:
    given = call.parameters
    given.choice("type", ("express",))
    country = given.text("country", is_required=True, length_max=2)
    if country not in COUNTRIES:
        raise ParameterRefused(f"Country '{country}' is unknown.", param="country")
    transfers = given.nested("capabilities").nested("transfers")
    if transfers.truth("requested") is not True:
        raise ParameterRefused("Request the capability of transfers.", param="capabilities")
    given.choice("business_type", ("individual",), default="individual")
    email = given.text("email", length_max=512)
    metadata = given.metadata("metadata")
    given.finish()
    row = connect.open_account(country=country, email=email, metadata=metadata, at=call.at)
    return connect_shapes.account(row)


def create_link(call: Call) -> Json:
    given = call.parameters
    account = connect.account_named(given.text("account", is_required=True, length_max=40))
    given.choice("type", ("account_onboarding",))
    refresh_url = given.text("refresh_url", is_required=True, length_max=2000)
    return_url = given.text("return_url", is_required=True, length_max=2000)
    given.finish()
    row = connect.link(account=account, refresh_url=refresh_url, return_url=return_url, at=call.at)
    return connect_shapes.link(row)


def create_transfer(call: Call) -> Json:
    given = call.parameters
    currency = given.text("currency", is_required=True, length_max=3).lower()
    if currency not in orders.CURRENCIES:
        raise ParameterRefused(f"Invalid currency: {currency}", param="currency")
    amount = given.whole("amount", minimum=1, is_required=True)
    assert amount is not None
    wish = connect.Wish(
        amount_minor=amount,
        currency=currency,
        destination=given.text("destination", is_required=True, length_max=40),
        transfer_group=given.text("transfer_group", length_max=255),
        description=given.text("description", length_max=1000),
        metadata=given.metadata("metadata"),
    )
    given.finish()
    return connect_shapes.transfer(connect.transfer(wish=wish, at=call.at, cause=call.cause))


def create_reversal(call: Call, *, public_id: str) -> Json:
    amount_minor = call.parameters.whole("amount", minimum=1)
    metadata = call.parameters.metadata("metadata")
    call.parameters.finish()
    made = connect.reverse(
        public_id=public_id,
        amount_minor=amount_minor,
        metadata=metadata,
        at=call.at,
        cause=call.cause,
    )
    return connect_shapes.reversal(made)


def list_reversals(call: Call, *, public_id: str) -> Json:
    call.parameters.whole("limit", minimum=1, maximum=100)
    call.parameters.finish()
    rows = TransferReversal.objects.select_related("transfer").filter(transfer__public_id=public_id)
    return {
        "object": "list",
        "data": [connect_shapes.reversal(row) for row in rows.order_by("-number")[:100]],
        "has_more": False,
        "url": f"/v1/transfers/{public_id}/reversals",
    }


@require_http_methods(["GET", "POST"])
def onboarding(request: HttpRequest, token: str) -> HttpResponse:
    """Be the company's page on which somebody opens their account."""
    row = AccountLink.objects.select_related("account").filter(token=token).first()
    at = datetime.now(UTC)
    if row is None:
        return render(request, "standin/unknown.html", status=404)
    if row.used_at is not None or row.expires_at <= at:
        return HttpResponseRedirect(row.refresh_url)
    if request.method == "POST":
        is_complete = request.POST.get("answer") == "all"
        connect.onboard(token=token, is_complete=is_complete, at=at)
        return HttpResponseRedirect(row.return_url)
    response = render(request, "standin/onboarding.html", {"account": row.account, "link": row})
    allowed = [CSP.SELF, pages.origin(row.return_url)]
    page_policy = build_policy({**policy.CONTENT, "form-action": allowed})
    response.headers["Content-Security-Policy"] = page_policy
    response.headers["Cache-Control"] = "no-store"
    return response


@control.for_tests
def change_account(_request: HttpRequest, given: Mapping[str, Any]) -> Json:
    """Change an account as the company would: account, due, disabled_reason, submitted."""
    row = connect.account_named(str(given.get("account")))
    due = given.get("due", [])
    if not isinstance(due, list):
        raise control.Unfit("due must be a list of names", param="due")
    changed = connect.change(
        account=row,
        is_submitted=given.get("submitted") is not False,
        due=[str(name) for name in due],
        disabled_reason=str(given.get("disabled_reason", "")),
        at=datetime.now(UTC),
    )
    return connect_shapes.account(changed)


@control.for_tests
def change_plan(_request: HttpRequest, given: Mapping[str, Any]) -> Json:
    """Let lists lag by a seed (seed, lag_ms), or the merchant be broke (broke)."""
    row = connect.change_plan(
        seed=control.whole(given, "seed", default=0),
        lag_s=control.whole(given, "lag_ms", default=0) / 1000,
        is_broke=given.get("broke") is True,
    )
    return {"seed": row.seed, "lag_s": row.lag_s, "broke": row.is_broke}
