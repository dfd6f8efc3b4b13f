"""Revenue: once a day, what was spent is booked as earned."""

from collections import Counter

from django.db import transaction

from wallet import ledger, returns


def recognise_revenue() -> dict[str, int]:
    """Book what was spent in the periods closed since the last time; minor units by currency.

    One transaction a period: killed, it goes on where it was. Any number may run at once and
    again: what was recognised is not recognised twice.
    """
    amounts: Counter[str] = Counter()
    while (outcome := _recognise_next()).done:
        amounts.update(outcome.result["amounts"])
    return dict(amounts)


@transaction.atomic(durable=True)
def _recognise_next() -> ledger.Outcome:
    return returns.recognise_revenue(operation_id=ledger.new_operation_id())
