"""The ledger's tables, to read. Written by the posting functions alone; the app role cannot."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Never

from django.db import models
from django.db.models.functions import Now


class ReadOnly(models.Model):
    class Meta:
        abstract = True
        managed = False

    def save(self, *args: Any, **kwargs: Any) -> Never:
        raise TypeError("The ledger is written by its posting functions.")

    def delete(self, *args: Any, **kwargs: Any) -> Never:
        raise TypeError("The ledger is only ever added to.")


class RateCard(ReadOnly):
    """What a coin earns and what a diamond is worth. Announced through ``ledger.announce_card``."""

    id = models.IntegerField(primary_key=True)
    name = models.TextField()
    diamonds_per_coin_milli = models.IntegerField()
    diamond_usd = models.DecimalField(max_digits=12, decimal_places=6)
    hold_days = models.JSONField()
    notice_days = models.IntegerField()
    announced_at = models.DateTimeField()
    effective_at = models.DateTimeField()
    announced_by = models.BigIntegerField()

    class Meta(ReadOnly.Meta):
        db_table = '"ledger"."rate_card"'

    def __str__(self) -> str:
        return self.name


class Account(ReadOnly):
    class Code(models.IntegerChoices):
        COIN_ISSUED = 100
        COIN_SPENT = 101
        COIN_ADJUSTMENT = 109
        WALLET = 110
        COIN_HOLD = 112
        COIN_DEBT = 113
        DIAMOND_ISSUED = 200
        DIAMOND_SETTLED = 201
        DIAMOND_ADJUSTMENT = 209
        DIAMOND_PENDING = 210
        DIAMOND_AVAILABLE = 211
        DIAMOND_DISPUTED = 212
        DIAMOND_DEBT = 213
        PROVIDER_CLEARING = 300
        BANK = 301
        DEFERRED_REVENUE = 302
        GIFT_REVENUE = 303
        CREATOR_COST = 304
        PROVIDER_FEE = 305
        TAX_PAYABLE = 306
        CHARGEBACK_LOSS = 307
        PAYOUT_FEE = 308
        CASH_PAYABLE = 310
        CASH_IN_PAYOUT = 311

    id = models.BigIntegerField(primary_key=True)
    owner_id = models.BigIntegerField()
    code = models.SmallIntegerField(choices=Code)
    unit = models.SmallIntegerField()
    card_id = models.IntegerField()
    hold_class = models.SmallIntegerField()
    mode = models.CharField(max_length=1)
    sign = models.SmallIntegerField()
    opened_at = models.DateTimeField()

    class Meta(ReadOnly.Meta):
        db_table = '"ledger"."account"'

    def __str__(self) -> str:
        return f"{self.get_code_display()} of {self.owner_id}"


class Balance(ReadOnly):
    account = models.OneToOneField(
        Account, models.DO_NOTHING, primary_key=True, related_name="balance"
    )
    sign = models.SmallIntegerField()
    floor = models.BigIntegerField()
    debits = models.BigIntegerField()
    credits = models.BigIntegerField()
    version = models.BigIntegerField()

    class Meta(ReadOnly.Meta):
        db_table = '"ledger"."balance"'

    def __str__(self) -> str:
        return str(self.sign * (self.credits - self.debits))


class Operation(ReadOnly):
    class Kind(models.IntegerChoices):
        BUY = 10, "Purchase"
        GIFT = 20, "Gift"
        HOLD_GIFT = 21, "Gift waits"
        FREE_GIFT = 22, "Gift waits no more"
        RELEASE = 30, "Release"
        SETTLE = 40, "Settlement"
        PAYOUT = 50, "Payout"
        HOLD_REFUND = 60, "Refund asked for"
        RESOLVE_REFUND = 61, "Refund"
        RETURN_REFUND = 62, "Refund came back"
        OPEN_DISPUTE = 70, "Dispute opened"
        RESOLVE_DISPUTE = 71, "Dispute ended"
        REPAY_COINS = 72, "Coins paid back"
        RECOGNISE = 80, "Revenue recognised"
        ADJUST_COINS = 90, "Coin adjustment"
        ADJUST_DIAMONDS = 92, "Diamond adjustment"

    id = models.UUIDField(primary_key=True)
    home_id = models.BigIntegerField()
    actor_id = models.BigIntegerField()
    kind = models.SmallIntegerField(choices=Kind)
    is_refused = models.BooleanField()
    card = models.ForeignKey(RateCard, models.DO_NOTHING, null=True, related_name="+")
    request = models.JSONField()
    memo = models.JSONField(null=True)
    context = models.TextField(null=True)  # noqa: DJ001 - the ledger's column has NULL
    result = models.JSONField(null=True)
    recorded_at = models.DateTimeField()

    class Meta(ReadOnly.Meta):
        db_table = '"ledger"."operation"'

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.id}"


class Lot(ReadOnly):
    class State(models.IntegerChoices):
        GOOD = 0
        DISPUTED = 1
        LOST = 2

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey(Account, models.DO_NOTHING, related_name="lots")
    home_id = models.BigIntegerField()
    purchase = models.OneToOneField(
        "wallet.Purchase", models.DO_NOTHING, null=True, related_name="lot"
    )
    amount = models.BigIntegerField()
    remaining = models.BigIntegerField()
    gross_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    cash_unit = models.SmallIntegerField(null=True)
    hold_class = models.SmallIntegerField()
    state = models.SmallIntegerField(choices=State)
    created_at = models.DateTimeField()

    class Meta(ReadOnly.Meta):
        db_table = '"ledger"."lot"'

    def __str__(self) -> str:
        return f"lot {self.id}: {self.remaining} of {self.amount}"


class Transfer(ReadOnly):
    class Code(models.IntegerChoices):
        BUY = 10
        BUY_GROSS = 11
        BUY_TAX = 12
        BUY_FEE = 13
        GIFT_COINS = 20
        GIFT_DIAMONDS = 21
        GIFT_HOLD = 22
        GIFT_FREE = 23
        RELEASE = 30
        REPAY = 31
        SETTLE_DIAMONDS = 40
        SETTLE_CASH = 41
        PAYOUT_RESERVE = 50
        PAYOUT_POST = 51
        PAYOUT_VOID = 52
        PAYOUT_RETURN = 53
        PAYOUT_FEE = 54
        REFUND_HOLD = 60
        REFUND_GIVE_BACK = 61
        REFUND_COINS = 62
        RETURN_NET = 63
        RETURN_TAX = 64
        CAME_BACK_COINS = 65
        CAME_BACK_NET = 66
        CAME_BACK_TAX = 67
        DISPUTE_HOLD_COINS = 70
        DISPUTE_HOLD_DIAMONDS = 71
        DISPUTE_GIVE_BACK_COINS = 72
        DISPUTE_GIVE_BACK_DIAMONDS = 73
        LOSS_COINS = 74
        LOSS_COVER = 75
        LOSS_DIAMONDS = 76
        LOSS_OWED = 77
        REPAY_COINS = 78
        RECOGNISE = 80
        LOSS = 87
        DISPUTE_FEE = 88
        LOSS_BEYOND = 89
        ADJUST_COINS_IN = 90
        ADJUST_COINS_OUT = 91
        ADJUST_DIAMONDS = 92

    id = models.BigIntegerField(primary_key=True)
    op = models.ForeignKey(Operation, models.DO_NOTHING, related_name="transfers")
    debit_account = models.ForeignKey(Account, models.DO_NOTHING, related_name="debits")
    credit_account = models.ForeignKey(Account, models.DO_NOTHING, related_name="credits")
    amount = models.BigIntegerField()
    lot = models.ForeignKey(Lot, models.DO_NOTHING, null=True, related_name="transfers")
    reverses = models.ForeignKey("self", models.DO_NOTHING, null=True, related_name="reversals")
    home_id = models.BigIntegerField()
    code = models.SmallIntegerField(choices=Code)
    unit = models.SmallIntegerField()

    class Meta(ReadOnly.Meta):
        db_table = '"ledger"."transfer"'

    def __str__(self) -> str:
        return f"transfer {self.id}"


class Period(ReadOnly):
    id = models.IntegerField(primary_key=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    transfers = models.BigIntegerField(null=True)
    sums = models.JSONField(null=True)
    seal = models.BinaryField(null=True)

    class Meta(ReadOnly.Meta):
        db_table = '"ledger"."period"'

    def __str__(self) -> str:
        return f"period {self.id}"


class Bucket(ReadOnly):
    pk = models.CompositePrimaryKey("period", "account")
    period = models.ForeignKey(Period, models.DO_NOTHING, related_name="buckets")
    account = models.ForeignKey(Account, models.DO_NOTHING, related_name="buckets")
    home_id = models.BigIntegerField()
    amount = models.BigIntegerField()
    clawed = models.BigIntegerField()
    released = models.BigIntegerField()
    release_at = models.DateTimeField(null=True)
    done = models.BooleanField()

    class Meta(ReadOnly.Meta):
        db_table = '"ledger"."bucket"'

    def __str__(self) -> str:
        return f"bucket of period {self.period_id}"


class Adjustment(models.Model):
    """Coins or diamonds that two members of staff give or take back. Its id is the operation's."""

    class State(models.TextChoices):
        PROPOSED = "proposed", "Waiting for a second person"
        APPROVED = "approved", "Posted"
        REJECTED = "rejected", "Rejected"
        REFUSED = "refused", "Refused by the ledger"

    class Unit(models.TextChoices):
        COIN = "coin", "Coins"
        DIAMOND = "diamond", "Diamonds (thousandths)"

    STATE_FIELD: ClassVar[str] = "state"
    TRANSITIONS: ClassVar[Mapping[str, Iterable[str]]] = {
        State.PROPOSED: frozenset({State.APPROVED, State.REJECTED, State.REFUSED}),
    }

    id = models.UUIDField(primary_key=True, editable=False)
    owner = models.ForeignKey("accounts.User", models.PROTECT, related_name="adjustments")
    unit = models.CharField(max_length=8, choices=Unit)
    amount = models.BigIntegerField()
    card_id = models.IntegerField(null=True, blank=True)
    reason = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=State, default=State.PROPOSED)
    proposer = models.ForeignKey("accounts.User", models.PROTECT, related_name="+")
    approver = models.ForeignKey("accounts.User", models.PROTECT, null=True, related_name="+")
    proposed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~models.Q(proposer=models.F("approver")), name="adjustment_two_people"
            ),
            models.CheckConstraint(
                condition=~models.Q(owner=models.F("proposer"))
                & ~models.Q(owner=models.F("approver")),
                name="adjustment_not_own",
            ),
            models.CheckConstraint(
                condition=~models.Q(amount=0), name="adjustment_moves_something"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount:+,} {self.get_unit_display()} for {self.owner}"
