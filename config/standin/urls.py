"""Every address: the payment company, its hosted page, the bank, and the tests' own door."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from config.standin import api, bank_api, control, pages, protocol

urlpatterns = [
    path("", pages.home),
    path("assets/standin.css", pages.asset, {"name": "standin.css"}),
    path("assets/standin.svg", pages.asset, {"name": "standin.svg"}),
    path("c/pay/<str:public_id>", pages.checkout),
    path("c/pay/<str:public_id>/challenge", pages.challenge),
    path("book/", pages.payments_book),
    path("book.json", control.book),
    path("bank/", pages.bank_book),
    path("bank/transfers", bank_api.transfers),
    path("bank/transfers/<str:public_id>", bank_api.transfer),
    path(
        "v1/checkout/sessions",
        protocol.api(get=api.listing(api.SESSIONS), post=api.create_session),
    ),
    path("v1/checkout/sessions/<str:public_id>", protocol.api(get=api.retrieving(api.SESSIONS))),
    path("v1/checkout/sessions/<str:public_id>/expire", protocol.api(post=api.expire_session)),
    path("v1/checkout/sessions/<str:public_id>/line_items", protocol.api(get=api.list_line_items)),
    *(
        path(f"v1/{name}", protocol.api(get=api.listing(kind)))
        for name, kind in (
            ("payment_intents", api.INTENTS),
            ("charges", api.CHARGES),
            ("balance_transactions", api.BALANCE_TRANSACTIONS),
            ("events", api.EVENTS),
        )
    ),
    *(
        path(f"v1/{name}/<str:public_id>", protocol.api(get=api.retrieving(kind)))
        for name, kind in (
            ("payment_intents", api.INTENTS),
            ("charges", api.CHARGES),
            ("balance_transactions", api.BALANCE_TRANSACTIONS),
            ("events", api.EVENTS),
        )
    ),
    path("standin/webhooks", control.plan),
    path("standin/webhooks/flush", control.flush),
    path("standin/pay", control.pay),
]


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer in the company's words; Django looks for this name."""
    return protocol.nowhere(request)
