"""Every address: the payment company and its hosted page, the bank, paper checks, tests' door."""

from collections.abc import Mapping
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.urls import path

from config.standin import (
    api,
    bank_api,
    claims_api,
    connect_api,
    control,
    control_claims,
    control_faults,
    identity_api,
    pages,
    protocol,
)

# By address: the kind of object, what a POST to the list and to one of them does, and a DELETE.
type _Row = tuple[
    api.Kind, protocol.Endpoint | None, protocol.Endpoint | None, protocol.Endpoint | None
]
_OBJECTS: Final[Mapping[str, _Row]] = {
    "payment_intents": (api.INTENTS, None, None, None),
    "charges": (api.CHARGES, None, None, None),
    "balance_transactions": (api.BALANCE_TRANSACTIONS, None, None, None),
    "events": (api.EVENTS, None, None, None),
    "refunds": (claims_api.REFUNDS, claims_api.create_refund, None, None),
    "disputes": (claims_api.DISPUTES, None, claims_api.update_dispute, None),
    "radar/early_fraud_warnings": (claims_api.WARNINGS, None, None, None),
    "accounts": (connect_api.ACCOUNTS, connect_api.create_account, None, None),
    "transfers": (connect_api.TRANSFERS, connect_api.create_transfer, None, None),
    "customers": (
        claims_api.CUSTOMERS, claims_api.create_customer, None, claims_api.delete_customer,
    ),
}  # fmt: skip

urlpatterns = [
    path("", pages.home),
    path("assets/standin.css", pages.asset, {"name": "standin.css"}),
    path("assets/standin.svg", pages.asset, {"name": "standin.svg"}),
    path("c/pay/<str:public_id>", pages.checkout),
    path("c/pay/<str:public_id>/challenge", pages.challenge),
    path("book/", pages.payments_book),
    path("book.json", control.book),
    path("bank/", pages.bank_book),
    path("identity/checks", identity_api.cases),
    path("identity/checks/<str:public_id>", identity_api.case),
    path("identity/c/<str:public_id>", identity_api.page),
    path("bank/transfers", bank_api.transfers),
    path("bank/transfers/<str:public_id>", bank_api.transfer),
    path("bank/desk/", bank_api.desk),
    path("bank/desk/<str:message_id>/pain.002", bank_api.desk_answer, {"kind": "pain.002"}),
    path("bank/desk/<str:message_id>/camt.054", bank_api.desk_answer, {"kind": "camt.054"}),
    path("bank/files", bank_api.files),
    path("bank/files/<str:message_id>/pain.002", bank_api.answer_file, {"kind": "pain.002"}),
    path("bank/files/<str:message_id>/camt.054", bank_api.answer_file, {"kind": "camt.054"}),
    path(
        "v1/checkout/sessions",
        protocol.api(get=api.listing(api.SESSIONS), post=api.create_session),
    ),
    path("v1/checkout/sessions/<str:public_id>", protocol.api(get=api.retrieving(api.SESSIONS))),
    path("v1/checkout/sessions/<str:public_id>/expire", protocol.api(post=api.expire_session)),
    path("v1/checkout/sessions/<str:public_id>/line_items", protocol.api(get=api.list_line_items)),
    path(
        "v1/payment_intents/<str:public_id>/capture", protocol.api(post=claims_api.capture_intent)
    ),
    path("v1/payment_intents/<str:public_id>/cancel", protocol.api(post=claims_api.cancel_intent)),
    path("v1/account_links", protocol.api(post=connect_api.create_link)),
    path(
        "v1/transfers/<str:public_id>/reversals",
        protocol.api(get=connect_api.list_reversals, post=connect_api.create_reversal),
    ),
    path(
        "v1/transfers",
        protocol.api(get=api.listing(connect_api.LISTED), post=connect_api.create_transfer),
    ),
    path("setup/e/<str:token>", connect_api.onboarding),
    path("v1/disputes/<str:public_id>/close", protocol.api(post=claims_api.close_dispute)),
    path(
        "v1/customers/<str:public_id>/payment_methods",
        protocol.api(get=claims_api.list_saved),
    ),
    *(
        path(f"v1/{name}", protocol.api(get=api.listing(kind), post=post))
        for name, (kind, post, _, _) in _OBJECTS.items()
    ),
    *(
        path(
            f"v1/{name}/<str:public_id>",
            protocol.api(get=api.retrieving(kind), post=post, delete=delete),
        )
        for name, (kind, _, post, delete) in _OBJECTS.items()
    ),
    path("standin/webhooks", control.plan),
    path("standin/webhooks/flush", control.flush),
    path("standin/pay", control.pay),
    path("standin/faults", control_faults.script),
    path("standin/refunds", control_claims.refund),
    path("standin/disputes", control_claims.dispute),
    path("standin/warnings", control_claims.warning),
    path("standin/accounts", connect_api.change_account),
    path("standin/connect", connect_api.change_plan),
]


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer in the company's words; Django looks for this name."""
    return protocol.nowhere(request)
