"""What can wait in the back office: each queue's rows, and the clock they are told against.

Promises: reads only; the same lookups count the rows and list them in the admin; a clock says how
long a thing of its kind may take before it is late.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import models
from django.db.models import Count, Min
from django.urls import reverse
from django.utils.http import urlencode

from accounts.models import MANUAL, IdentityCheck, Notice, OutboxEvent, PaperAccess, Review
from gifts.models import RankDifference
from payouts.models import BankFileLine, Payout, SepaBatch, SettlementRun
from wallet import balances
from wallet.models import (
    Adjustment,
    CustomerToForget,
    Difference,
    Dispute,
    ProviderEvent,
    Purchase,
    Refund,
    WaitingRate,
)

# How long each may take; past it somebody should look.
SECOND_PERSON: Final = timedelta(days=1)
BANK_ANSWER: Final = timedelta(minutes=30)
SEPA_ANSWER: Final = timedelta(days=4)  # a weekend and a holiday between
WEEK: Final = timedelta(days=7)
HANDED_ON: Final = timedelta(minutes=5)
REFUND_DECISION: Final = timedelta(days=2)
REFUND_SENT: Final = timedelta(days=1)
DISPUTE_ANSWER: Final = timedelta(days=7)  # banks give 7 to 21 days, see the stand-in's disputes
MAILED: Final = timedelta(minutes=15)
FORGOTTEN: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Queue:
    """Rows that wait for somebody or something, and for how long they may."""

    label: str
    model: type[models.Model]
    waits: Mapping[str, Any]  # the same lookups filter the rows and their list in the admin
    since: str
    clock: timedelta

    @property
    def permission(self) -> str:
        return view(self.model)

    def address(self) -> str:
        named = {
            name: ",".join(value) if isinstance(value, tuple) else _in_address(value)
            for name, value in self.waits.items()
        }
        return f"{list_of(self.model)}?{urlencode(named)}"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a queue holds now."""

    label: str
    count: int
    oldest_at: datetime | None
    clock: timedelta
    is_late: bool
    address: str

    @property
    def tone(self) -> str:
        return "bad" if self.is_late else "warn"


def all_queues(*, at: datetime) -> list[Queue]:
    """Everything that can wait, the most urgent kind first."""
    return [
        Queue(
            "Purchases paid without coins",
            Purchase,
            {"state__exact": Purchase.State.PAID.value},
            "paid_at",
            timedelta(seconds=settings.UNCREDITED_ALERT_S),
        ),
        *_payouts(at=at),
        *_bank_files(at=at),
        *_money_back(),
        Queue(
            "Adjustments for a second person",
            Adjustment,
            {"state__exact": Adjustment.State.PROPOSED.value},
            "proposed_at",
            SECOND_PERSON,
        ),
        Queue(
            "Exchange rates for a second person",
            WaitingRate,
            {"state__exact": WaitingRate.State.WAITING.value},
            "proposed_at",
            SECOND_PERSON,
        ),
        Queue(
            "Differences with payment companies",
            Difference,
            {"reconciliation__in": balances.latest_reconciliations()},
            "reconciliation__started_at",
            SECOND_PERSON,
        ),
        Queue(
            "Sums of top gifters that were wrong",
            RankDifference,
            {"seen_at__isnull": True},
            "found_at",
            SECOND_PERSON,
        ),
        *_reviews(at=at),
        *_papers(),
        *_letters(),
    ]


def _payouts(*, at: datetime) -> list[Queue]:
    state, run_state = Payout.State, SettlementRun.State
    return [
        Queue(
            "Settlement runs for two people",
            SettlementRun,
            {"state__in": (run_state.PLANNED.value, run_state.CHECKED.value)},
            "started_at",
            SECOND_PERSON,
        ),
        Queue(
            "Payouts for two people",
            Payout,
            {"state__in": (state.REQUESTED.value, state.CHECKED.value)},
            "requested_at",
            SECOND_PERSON,
        ),
        Queue(
            "Payouts unknown at the bank",
            Payout,
            {"state__exact": state.UNKNOWN.value},
            "sent_at",
            BANK_ANSWER,
        ),
        Queue(
            "Payouts behind their time", Payout, {"due_at__lt": at - HANDED_ON}, "due_at", HANDED_ON
        ),
    ]


def _bank_files(*, at: datetime) -> list[Queue]:
    return [
        Queue(
            "SEPA files to hand to the bank",
            SepaBatch,
            {"state__exact": SepaBatch.State.CLOSED.value},
            "closed_at",
            SECOND_PERSON,
        ),
        Queue(
            "SEPA files without an answer",
            SepaBatch,
            {"state__exact": SepaBatch.State.EXPORTED.value},
            "exported_at",
            SEPA_ANSWER,
        ),
        Queue(
            "Lines of bank files for a person",
            BankFileLine,
            {"outcome__in": tuple(sorted(BankFileLine.TROUBLES)), "handled_at__gt": at - WEEK},
            "handled_at",
            SECOND_PERSON,
        ),
    ]


def _money_back() -> list[Queue]:
    return [
        Queue(
            "Refunds to decide",
            Refund,
            {"state__exact": Refund.State.REQUESTED.value},
            "requested_at",
            REFUND_DECISION,
        ),
        Queue(
            "Refunds on their way",
            Refund,
            {"state__in": (Refund.State.APPROVED.value, Refund.State.SUBMITTED.value)},
            "decided_at",
            REFUND_SENT,
        ),
        Queue(
            "Disputes under way",
            Dispute,
            {"state__in": (Dispute.State.LEARNT.value, Dispute.State.OPEN.value)},
            "learnt_at",
            DISPUTE_ANSWER,
        ),
    ]


def _papers() -> list[Queue]:
    """Who waits to be verified, and which colleague to see their papers."""
    return [
        Queue(
            "Identity papers to look at",
            IdentityCheck,
            {"state__exact": IdentityCheck.State.SUBMITTED.value, "adapter__exact": MANUAL},
            "submitted_at",
            timedelta(days=4),  # two business days, and a weekend between
        ),
        Queue(
            "Colleagues who ask to see papers",
            PaperAccess,
            {"state__exact": PaperAccess.State.ASKED.value},
            "asked_at",
            SECOND_PERSON,
        ),
    ]


def _letters() -> list[Queue]:
    """What comes in, and what goes out."""
    return [
        Queue(
            "Provider notices not handled",
            ProviderEvent,
            {"handled_at__isnull": True},
            "received_at",
            HANDED_ON,
        ),
        Queue(
            "Customers payment companies are to forget",
            CustomerToForget,
            {"asked_at__isnull": False},
            "asked_at",
            FORGOTTEN,
        ),
        Queue(
            "Events not handed on",
            OutboxEvent,
            {"relayed_at__isnull": True},
            "created_at",
            HANDED_ON,
        ),
        Queue(
            "Emails not sent",
            Notice,
            {"email_due__exact": True, "emailed_at__isnull": True},
            "created_at",
            MAILED,
        ),
    ]


def _reviews(*, at: datetime) -> list[Queue]:
    waits = {"state__in": ("opened", "appealed")}  # two business days, and a weekend between
    return [
        Queue("Reviews to look at", Review, waits, "opened_at", timedelta(days=4)),
        Queue("Reviews past their time", Review, {"due_at__lt": at}, "due_at", timedelta(0)),
    ]


def look(queue: Queue, *, at: datetime) -> Waiting:
    """Count a queue's rows, and see how long the first has waited."""
    rows = queue.model._default_manager.filter(**queue.waits)  # noqa: SLF001
    seen = rows.aggregate(count=Count("pk"), oldest_at=Min(queue.since))
    oldest_at = seen["oldest_at"]
    is_late = oldest_at is not None and at - oldest_at > queue.clock
    return Waiting(queue.label, seen["count"], oldest_at, queue.clock, is_late, queue.address())


def view(model: type[models.Model]) -> str:
    """Name the permission to see the model's rows."""
    return f"{model._meta.app_label}.view_{model._meta.model_name}"  # noqa: SLF001


def list_of(model: type[models.Model]) -> str:
    """Give the address of the model's list."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")  # noqa: SLF001


def _in_address(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(int(value)) if isinstance(value, bool) else str(value)
