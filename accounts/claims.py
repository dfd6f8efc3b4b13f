"""A guardian's claim that a minor uses an account: made by anybody, counted once the email is
proven.

Promises: nobody learns from it whether a handle exists; a claim that was not confirmed changes
nothing and is deleted after ``KEEP``; a confirmed one stops the account's purchases until staff
have decided, unless staff cleared the same doubt lately: then they look, and nothing is stopped.
"""

import logging
import smtplib
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from accounts import fingerprints, queries, reviewing
from accounts.models import GuardianClaim, Review, ReviewReason

logger = logging.getLogger(__name__)

SALT: Final = "accounts.guardian-claim"
LINK_LIFE: Final = timedelta(days=7)
KEEP: Final = timedelta(days=30)
WINDOW: Final = timedelta(days=1)
EMAIL_CLAIMS_MAX: Final = 3
NETWORK_CLAIMS_MAX: Final = 10


class TooManyClaims(Exception):
    """One address or network makes claim after claim."""


class BadLink(Exception):
    """The link is not one we sent, or is too old."""


@transaction.atomic(durable=True)
def make_claim(
    *,
    handle: str,
    name: str,
    email: str,
    relation: str,
    child_age: int,
    words: str,
    network: str,
    at: datetime,
) -> GuardianClaim:
    """Keep a claim and send its link after the commit. Raises TooManyClaims."""
    place = fingerprints.digest("network", network)
    _check_rate(email=email, network=place, at=at)
    given = queries.reference(f"@{handle.strip().removeprefix('@')}")
    claim = GuardianClaim.objects.create(
        about=queries.person(given),
        handle=handle.strip().removeprefix("@").lower(),
        name=name,
        email=email,
        relation=relation,
        child_age=child_age,
        words=words,
        network=place,
        made_at=at,
    )
    transaction.on_commit(lambda: _send_link(claim))
    return claim


def _check_rate(*, email: str, network: str, at: datetime) -> None:
    lately = GuardianClaim.objects.filter(made_at__gt=at - WINDOW)
    by_email = lately.filter(email__iexact=email).count()
    by_network = lately.filter(network=network).count()
    if by_email >= EMAIL_CLAIMS_MAX or by_network >= NETWORK_CLAIMS_MAX:
        raise TooManyClaims(
            "There were several claims from you today. We have them: look for our email. "
            "You can make another one tomorrow."
        )


def _send_link(claim: GuardianClaim) -> None:
    path = reverse("accounts:guardian_confirm", args=[signing.dumps(claim.pk, salt=SALT)])
    words = {
        "name": claim.name,
        "handle": claim.handle,
        "url": f"{settings.SITE_URL.rstrip('/')}{path}",
        "days": LINK_LIFE.days,
        "site_name": settings.SITE_NAME,
    }
    text = render_to_string("emails/guardian.txt", words)
    subject = f"Confirm your claim about @{claim.handle}"
    message = EmailMultiAlternatives(subject=subject, body=text, to=[claim.email])
    context = {"subject": subject, "text": text, "site_name": settings.SITE_NAME}
    message.attach_alternative(render_to_string("emails/words.html", context), "text/html")
    try:
        message.send()
    except (OSError, smtplib.SMTPException):
        # The page says to send the form again when no email comes.
        logger.exception("claim %s: its link could not be mailed", claim.pk)


def claim_of(token: str) -> GuardianClaim:
    """Find the claim of a link we sent. Raises BadLink."""
    try:
        claim_id = signing.loads(token, salt=SALT, max_age=LINK_LIFE)
        return GuardianClaim.objects.get(pk=claim_id)
    except (signing.BadSignature, GuardianClaim.DoesNotExist) as error:
        raise BadLink(
            f"This link is damaged or older than {LINK_LIFE.days} days. Make the claim again."
        ) from error


@transaction.atomic(durable=True)
def confirm_claim(*, claim_id: int, at: datetime) -> GuardianClaim:
    """Count a claim whose email is proven: open a review. Again is no change."""
    claim = GuardianClaim.objects.select_for_update(no_key=True, of=("self",)).get(pk=claim_id)
    if claim.confirmed_at is not None:
        return claim
    claim.confirmed_at = at
    if claim.about_id is not None:
        claim.review = _open(claim, claim.about_id, at=at)
    claim.save(update_fields=["confirmed_at", "review"])
    return claim


def _open(claim: GuardianClaim, user_id: int, *, at: datetime) -> Review:
    was_cleared = queries.is_quiet(user_id=user_id, reason=ReviewReason.MINOR_CLAIM, at=at)
    nothing, purchases = Review.Restriction.NOTHING, Review.Restriction.PURCHASES
    return reviewing.open_review(
        subject_id=user_id,
        reason=ReviewReason.MINOR_CLAIM,
        subject_key=f"user:{user_id}",
        grounds=reviewing.Grounds(
            signals=[
                (f"Claim {claim.pk}", f"{claim.name}, {claim.relation}, {claim.email}"),
                (f"Child's age in claim {claim.pk}", str(claim.child_age)),
            ],
        ),
        restricts=nothing if was_cleared else purchases,
        at=at,
    )


def purge(*, at: datetime) -> int:
    """Delete claims nobody confirmed. Says how many."""
    return GuardianClaim.objects.filter(confirmed_at=None, made_at__lte=at - KEEP).delete()[0]
