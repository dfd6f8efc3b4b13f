"""Reads of value, each scoped by whose it is."""

from django.db.models import F

from wallet.models import Account, Balance


def coins(*, user_id: int) -> int:
    """How many coins the person holds."""
    return (
        Balance.objects.filter(account__owner_id=user_id, account__code=Account.Code.WALLET)
        .values_list(F("credits") - F("debits"), flat=True)
        .first()
        or 0
    )
