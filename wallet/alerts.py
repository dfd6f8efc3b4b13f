"""Telling staff that money needs them: in their notices, and the operator by email.

Promise: of one purchase (or of one refund or dispute of it that is named) they are told once, in
the transaction that notes it; the email follows the commit and may be lost with the mail server,
the notice not.
"""

import logging
import smtplib
from datetime import datetime
from typing import Final

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from accounts import services as people
from accounts.models import NoticeKind, User
from wallet import queries
from wallet.models import Purchase

logger = logging.getLogger(__name__)

TOLD_GROUPS: Final = ("support", "finance")


def tell_of_uncredited(*, at: datetime) -> int:
    """Tell staff of each purchase paid too long ago without coins, once; how many."""
    purchases = list(queries.uncredited_purchases(at=at))
    for purchase in purchases:
        with transaction.atomic(durable=True):
            tell_staff(purchase, why="It is paid, but the coins have not arrived.", at=at)
    return len(purchases)


def tell_staff(purchase: Purchase, *, why: str, at: datetime, about: str = "") -> None:
    """Tell staff about a purchase in the caller's transaction, and note that they know.

    ``about`` names what of it, as they may have been told of the purchase itself before.
    """
    Purchase.objects.filter(pk=purchase.pk).update(alerted_at=at)
    title = f"Purchase of {purchase.coins:,} coins needs you"
    path = reverse("admin:wallet_purchase_change", args=[purchase.pk])
    for user_id in _staff_to_tell():
        people.notify(
            user_id=user_id,
            kind=NoticeKind.PURCHASE,
            subject_key=f"{about or f'purchase:{purchase.pk}'}:staff",
            title=title,
            body=why,
            path=path,
        )
    if settings.OPERATOR_EMAIL:
        body = (
            f"{why}\n\n{purchase}, paid {purchase.paid_at}\n{settings.SITE_URL.rstrip('/')}{path}\n"
        )
        transaction.on_commit(lambda: _mail_operator(title, body))


def _staff_to_tell() -> list[int]:
    staff = User.objects.filter(is_staff=True, is_active=True)
    told = staff.filter(Q(is_superuser=True) | Q(groups__name__in=TOLD_GROUPS))
    return list(told.order_by("pk").values_list("pk", flat=True).distinct())


def _mail_operator(title: str, body: str) -> None:
    try:
        send_mail(title, body, settings.DEFAULT_FROM_EMAIL, [settings.OPERATOR_EMAIL])
    except (OSError, smtplib.SMTPException):
        logger.exception("the operator could not be mailed: %s", title)
