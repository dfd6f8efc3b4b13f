"""Payouts: cash on its way to creators."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from djmoney.money import Money

from payouts.models.destinations import Destination
from payouts.models.settlements import SettlementRun
from wallet.money import CURRENCY_NUMBERS, money


class Payout(models.Model):
    """Cash on its way to a creator. Reserved before the rail is called; resolved once.

    ``sending`` is written before the rail is called and ``unknown`` when its answer was unclear or
    never recorded; from both, only a look-up by reference leads on.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", "Waiting for two approvals"
        CHECKED = "checked", "Waiting for one more approval"
        RESERVED = "reserved", "About to be sent"
        SENDING = "sending", "Being sent"
        UNKNOWN = "unknown", "Being looked up"
        SUBMITTED = "submitted", "On its way"
        PAID = "paid", "Paid"
        FAILED = "failed", "Failed"
        RETURNED = "returned", "Returned by the bank"
        CANCELLED = "cancelled", "Cancelled"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        State.REQUESTED: frozenset({State.CHECKED, State.CANCELLED}),
        State.CHECKED: frozenset({State.RESERVED, State.CANCELLED}),
        State.RESERVED: frozenset({State.SENDING, State.CANCELLED}),
        # Back to reserved only when it is certain that no try of this payout reached the bank.
        State.SENDING: frozenset({State.RESERVED, State.UNKNOWN, State.SUBMITTED, State.FAILED}),
        State.UNKNOWN: frozenset({State.SENDING, State.SUBMITTED, State.FAILED}),
        State.SUBMITTED: frozenset({State.PAID, State.FAILED}),
        State.PAID: frozenset({State.RETURNED}),
    }
    CANCELLABLE: ClassVar[frozenset[str]] = frozenset(
        {State.REQUESTED, State.CHECKED, State.RESERVED}
    )

    id = models.UUIDField(primary_key=True, editable=False)  # the rail's reference
    creator = models.ForeignKey("accounts.User", models.PROTECT, related_name="payouts")
    destination = models.ForeignKey(Destination, models.PROTECT, related_name="payouts")
    # The settlement run that started it; none when the creator asked for it.
    run = models.ForeignKey(SettlementRun, models.PROTECT, null=True, related_name="payouts")
    amount_minor = models.PositiveBigIntegerField()  # what leaves the creator's balance
    fee_minor = models.PositiveBigIntegerField(default=0)  # of it, what the transfer costs them
    currency = models.CharField(max_length=3, choices=[(c, c) for c in CURRENCY_NUMBERS])
    state = models.CharField(max_length=10, choices=State, default=State.RESERVED)
    reserve_op = models.UUIDField(unique=True, editable=False)
    resolve_op = models.UUIDField(unique=True, editable=False)  # posts or voids, never both
    return_op = models.UUIDField(unique=True, editable=False)
    rail_ref = models.CharField(max_length=100, blank=True)
    failure = models.CharField(max_length=200, blank=True)
    needs_approval = models.BooleanField(default=False)
    checked_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    approved_by = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    attempts = models.PositiveIntegerField(
        default=0
    )  # numbers the tries: a late answer is told apart
    due_at = models.DateTimeField(null=True)  # when to look at it next; none: it is over
    leased_until = models.DateTimeField(null=True)  # a worker is at it until then
    requested_at = models.DateTimeField(db_default=Now(), editable=False)
    sent_at = models.DateTimeField(null=True)  # the latest try
    submitted_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(amount_minor__gte=1), name="payout_positive"),
            models.CheckConstraint(
                condition=models.Q(fee_minor__lt=models.F("amount_minor")), name="payout_over_fee"
            ),
            models.CheckConstraint(
                condition=~models.Q(checked_by=models.F("approved_by"))
                & ~models.Q(checked_by=models.F("creator"))
                & ~models.Q(approved_by=models.F("creator")),
                name="payout_two_people",
            ),
            models.CheckConstraint(
                condition=models.Q(needs_approval=False)
                | models.Q(state__in=["requested", "checked", "cancelled"])
                | models.Q(checked_by__isnull=False, approved_by__isnull=False),
                name="payout_approved_when_large",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["creator", "-requested_at"], name="payout_latest"),
            models.Index(
                fields=["due_at"], condition=models.Q(due_at__isnull=False), name="payout_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.money} to {self.creator_id}"

    @property
    def money(self) -> Money:
        return money(self.amount_minor, self.currency)

    @property
    def fee(self) -> Money:
        return money(self.fee_minor, self.currency)

    @property
    def sent_minor(self) -> int:
        """What the bank is asked to send: the amount less the fee."""
        return self.amount_minor - self.fee_minor

    @property
    def sent(self) -> Money:
        return money(self.sent_minor, self.currency)

    @property
    def is_cancellable(self) -> bool:
        return self.state in self.CANCELLABLE


class PayoutChoice(models.Model):
    """Whether runs pay a creator out. Without a row they do."""

    creator = models.OneToOneField("accounts.User", models.CASCADE, primary_key=True)
    is_automatic = models.BooleanField(default=True)
    chosen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.creator_id}: {'automatic' if self.is_automatic else 'on request'}"
