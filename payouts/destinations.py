"""Where creators are paid: setting a bank account, and closing one that a bank has refused.

Promises: an account is never edited, a new one replaces it and the old row stays; the change is
told by email to the person, whoever made it.
"""

import re
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from accounts import services as people
from accounts.models import NoticeKind, User
from payouts.models import Destination

ACCOUNT_SHAPE: Final = re.compile(r"[A-Z0-9]{6,34}")
IBAN_SHAPE: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")


class UnfitAccount(Exception):
    """The account number cannot be one."""


def normal_account(text: str) -> str:
    """The account without spaces and hyphens, in capitals. Raises UnfitAccount.

    What looks like an IBAN must have the right check digits (ISO 13616: modulo 97 is 1).
    """
    account = re.sub(r"[\s-]", "", text).upper()
    if not ACCOUNT_SHAPE.fullmatch(account):
        raise UnfitAccount("An account number has 6 to 34 letters and digits. Check it.")
    if IBAN_SHAPE.fullmatch(account):
        digits = "".join(str(int(sign, 36)) for sign in account[4:] + account[:4])
        if int(digits) % 97 != 1:
            raise UnfitAccount("This IBAN has a mistake: its check digits do not match. Check it.")
    return account


@transaction.atomic(durable=True)
def set_destination(
    *,
    destination_id: UUID,
    creator: User,
    holder_name: str,
    account: str,
    currency: str,
    at: datetime,
) -> Destination:
    """Pay the creator there from now on. Payouts on their way still go to the account before.

    Locks the creator. The same id again is the same account. Raises UnfitAccount.
    """
    account = normal_account(account)
    User.objects.select_for_update(no_key=True).get(pk=creator.pk)
    known = Destination.objects.filter(pk=destination_id, creator=creator).first()
    if known is not None:
        return known
    Destination.objects.filter(creator=creator, replaced_at=None).update(replaced_at=at)
    destination = Destination.objects.create(
        pk=destination_id,
        creator=creator,
        holder_name=holder_name,
        account=account,
        currency=currency,
        added_at=at,
    )
    people.notify(
        user_id=creator.pk,
        kind=NoticeKind.ACCOUNT,
        subject_key=f"destination:{destination.pk}",
        title="Your bank account for payouts was changed",
        body=f"From now on you are paid to the account ending in {account[-4:]}, in {currency}. "
        "If this was not you, change your password and write to us at once.",
        path="/studio/",
    )
    return destination


def block(*, destination_id: UUID, why: str, at: datetime) -> None:
    """Send nothing more there: the bank refused it. Runs in the caller's transaction."""
    Destination.objects.filter(pk=destination_id, blocked_at=None).update(
        blocked_at=at, blocked_why=why[:200]
    )
