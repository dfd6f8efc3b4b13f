"""Revenue: once a day, what was spent is booked as earned."""

from django.db import transaction

from wallet import ledger, returns


@transaction.atomic(durable=True)
def recognise_revenue() -> dict[str, int]:
    """Book what was spent in the periods closed since the last time; minor units by currency.

    Any number may run at once and again: what was recognised is not recognised twice.
    """
    outcome = returns.recognise_revenue(operation_id=ledger.new_operation_id())
    amounts: dict[str, int] = outcome.result.get("amounts", {})
    return amounts
