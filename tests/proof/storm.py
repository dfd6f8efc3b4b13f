"""A storm of webhooks, and what two books say of each other when it is over.

``Storm`` makes purchases at the real stand-in, lets them be paid, and makes of the company's own
events what networks and attackers make of them. ``differences`` compares by id: the company's book
as it keeps it, and ours row by row. It asks none of our code that reconciles.
"""

import json
import random
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import stripe
from django.db import connections
from django.test import Client

from accounts.models import User
from tests.standin import WEBHOOK_SECRET, Standin
from wallet import ledger, purchases
from wallet.models import Dispute, Lot, Purchase

HOOK: Final = "/hooks/stripe/"
COPIES: Final = 3
COINS: Final = 70
THREADS: Final = 4


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request to our door: its body, with what it is signed, and when that was."""

    body: str
    secret: str = WEBHOOK_SECRET
    age_s: int = 0
    signs: str = ""  # another body, where the signature is of that one
    is_forged: bool = False


@dataclass
class Storm:
    """Purchases of fans with one each, and the deliveries that tell of them."""

    standin: Standin
    count: int
    seed: int = 7
    bought: list[Purchase] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def happen(self) -> None:
        """Buy, pay nine of ten, refund and dispute some of those; then make the deliveries."""
        fans = _fans(self.count)
        with ThreadPoolExecutor(THREADS) as threads:
            self.bought = list(threads.map(_alone, [(_start, fan) for fan in fans]))
            list(threads.map(_alone, [(self._pay, pair) for pair in enumerate(self.bought)]))
        self.deliveries = self._deliveries()

    @property
    def unpaid(self) -> list[Purchase]:
        return [purchase for number, purchase in enumerate(self.bought) if not _is_paid(number)]

    def _pay(self, numbered: tuple[int, Purchase]) -> None:
        number, purchase = numbered
        if not _is_paid(number):
            return
        paid = self.standin.pay(purchase.checkout_ref)["session"]["payment_intent"]
        if number % 20 == 3:
            self.standin.refund(paid, 30)
        if number % 20 == 8:
            self.standin.refund(paid)
        if number % 20 == 13:
            dispute = self.standin.dispute(paid)["id"]
            self.standin.decide(dispute, "lose")

    def _deliveries(self) -> list[Delivery]:
        """Every event three times, one in twenty not at all; some mixed up; one in fifty forged.

        Of the first purchase nobody tells us at all.
        """
        listed = self.standin.client().v1.events.list({"limit": 100}).auto_paging_iter()
        names = {purchase.checkout_ref for purchase in self.bought[1:]}
        untold = self.bought[0].checkout_ref
        events = [event.to_dict() for event in listed]
        kept = [one for one in events if self.chance.random() >= 0.05 and _subject(one) != untold]
        self.made.update(events=len(events), lost=len(events) - len(kept))
        completed = [event for event in kept if _subject(event) in names]
        mixed_up = self._mixed_up(completed)
        told = [event for event in kept if event["id"] not in mixed_up]
        # Of two that were mixed up, one comes instead of the right event and one beside it.
        told += list(mixed_up.values()) + [one for one in kept if one["id"] in list(mixed_up)[::2]]
        deliveries = [Delivery(json.dumps(event)) for event in told for _ in range(COPIES)]
        deliveries += [self._forged(completed) for _ in range(max(3, len(deliveries) // 50))]
        self.made.update(deliveries=len(deliveries), mixed_up=len(mixed_up))
        self.made["forged"] = sum(one.is_forged for one in deliveries)
        self.chance.shuffle(deliveries)
        return deliveries

    def _mixed_up(self, completed: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Rightly signed events under their own ids that name another purchase's page.

        Every second time the other was not paid: believing the words would credit it.
        """
        sample = self.chance.sample(completed, max(4, len(completed) // 20))
        return {
            event["id"]: _about(
                event, self.chance.choice(self.unpaid if n % 2 else self.bought[1:])
            )
            for n, event in enumerate(sample)
        }

    def _forged(self, completed: list[dict[str, Any]]) -> Delivery:
        """A new event that says an unpaid purchase was paid, signed as attackers can."""
        event = _about(self.chance.choice(completed), self.chance.choice(self.unpaid))
        body = json.dumps(event | {"id": f"evt_{uuid.uuid4().hex}"})
        way = self.chance.choice(("wrong secret", "changed body", "stale"))
        if way == "wrong secret":
            return Delivery(body, secret="whsec_somebody_else_0123456789", is_forged=True)
        if way == "changed body":
            return Delivery(body, signs=json.dumps(event), is_forged=True)
        return Delivery(body, age_s=3_600, is_forged=True)

    def deliver(self) -> Counter[tuple[bool, int]]:
        """Post everything from several threads; how often (forged, status) was answered."""
        with ThreadPoolExecutor(THREADS) as threads:
            shares = [self.deliveries[start::THREADS] for start in range(THREADS)]
            answers = threads.map(_alone, [(_post, share) for share in shares])
            return sum(answers, Counter())


def _alone(job: tuple[Any, Any]) -> Any:
    """Do a deed in a thread, and leave no connection behind."""
    deed, facts = job
    try:
        return deed(facts)
    finally:
        connections.close_all()


def _post(share: list[Delivery]) -> Counter[tuple[bool, int]]:
    client, answers = Client(), Counter[tuple[bool, int]]()
    for one in share:
        header = stripe.WebhookSignature.generate_signature_header(
            one.signs or one.body, one.secret, int(time.time()) - one.age_s
        )
        answer = client.post(
            HOOK, one.body, content_type="application/json", headers={"Stripe-Signature": header}
        )
        answers[one.is_forged, answer.status_code] += 1
    return answers


def _about(event: dict[str, Any], other: Purchase) -> dict[str, Any]:
    changed = event["data"]["object"] | {"id": other.checkout_ref}
    return event | {"data": event["data"] | {"object": changed}}


def _subject(event: dict[str, Any]) -> str:
    return str(event["data"]["object"]["id"])


def _is_paid(number: int) -> bool:
    return number % 10 != 9


def _fans(count: int) -> list[User]:
    return User.objects.bulk_create(
        User(
            email=f"storm{number}@example.org",
            handle=f"storm{number}",
            display_name="Storm",
            country="DE",
            birth_date=date(1990, 5, 17),
            password="!",
        )
        for number in range(count)
    )


def _start(fan: User) -> Purchase:
    return purchases.start_purchase(
        purchase_id=ledger.new_operation_id(),
        user=fan,
        coins=COINS,
        method_code="card",
        evidence={"address": "DE"},
        at=now(),
    )


@dataclass(frozen=True, slots=True)
class Fact:
    """What a book says of one payment, refund or dispute."""

    ref: str
    purchase_id: str
    amount_minor: int
    currency: str
    fee_minor: int | None = None


def differences(standin: Standin) -> list[str]:
    """Where the company's book and ours are not the same, and coins not credited exactly once."""
    theirs, ours = _their_book(standin.whole_book()), _our_book()
    found = [f"theirs: {fact}" for fact in sorted(map(str, theirs - ours))]
    found += [f"ours: {fact}" for fact in sorted(map(str, ours - theirs))]
    return found + _coins_that_differ({UUID(fact.purchase_id) for fact in theirs})


def _their_book(book: dict[str, Any]) -> set[Fact]:
    paid = {one["payment_intent"]: one for one in book["payments"] if one["amount_received"]}
    orders = {ref: one["metadata"]["purchase"] for ref, one in paid.items()}
    payments = {
        Fact(ref, orders[ref], one["amount"], one["currency"].upper(), one["fee"])
        for ref, one in paid.items()
    }
    taken = [one for one in book["refunds"] if one["moves_money"]]
    taken += [one for one in book["disputes"] if one["status"] == "lost"]
    return payments | {
        Fact(one["id"], orders[one["payment_intent"]], one["amount"], one["currency"].upper())
        for one in taken
    }


def _our_book() -> set[Fact]:
    credited = Purchase.objects.filter(state=Purchase.State.CREDITED)
    payments = {
        Fact(one.payment_ref, str(one.pk), one.gross_minor, one.currency, one.fee_minor)
        for one in credited
    }
    lost = Dispute.objects.filter(state=Dispute.State.LOST).select_related("purchase")
    return payments | {
        Fact(one.provider_ref, str(one.purchase_id), one.lost_minor, one.purchase.currency)
        for one in lost
    }


def _coins_that_differ(paid: set[UUID]) -> list[str]:
    """Each paid purchase has its coins in lots exactly once; no other has any."""
    credited = Counter[UUID]()
    for purchase_id, coins in Lot.objects.values_list("purchase", "amount"):
        credited[purchase_id] += coins
    return [
        f"coins of {purchase_id}: {credited[purchase_id]}"
        for purchase_id in sorted(paid | set(credited))
        if credited[purchase_id] != (COINS if purchase_id in paid else 0)
    ]
