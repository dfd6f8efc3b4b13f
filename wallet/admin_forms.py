"""Forms of the staff's deeds: prices, rates, rate cards, adjustments. They parse and no more."""

import base64
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib.admin.widgets import AdminSplitDateTime
from djmoney.money import Money

from accounts.forms import ReasonedForm
from accounts.models import User
from wallet import ecb, ledger, money, prices
from wallet.models import (
    FIRST_HOLD,
    FIRST_PAYOUTS,
    Adjustment,
    Channel,
    CoinPackage,
    HoldClass,
    Price,
    RateCard,
    Region,
)

HOLD_DAYS_MAX: Final = 365


class PaymentMethodForm(ReasonedForm):
    """A way to pay: its provider must be there, and offer its rail."""

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if "provider" in given and "rail" in given:
            try:
                prices.check_rail(provider=given["provider"], rail=given["rail"])
            except prices.NoSuchAdapter as refusal:
                self.add_error("provider", str(refusal))
            except prices.NoSuchRail as refusal:
                self.add_error("rail", str(refusal))
        return given


class PriceForm(forms.Form):
    region = forms.ModelChoiceField(Region.objects.order_by("name"))
    channel = forms.ChoiceField(choices=Channel.choices)
    package = forms.ModelChoiceField(
        CoinPackage.objects.order_by("coins"),
        required=False,
        empty_label="None: the rate for exact amounts",
    )
    coins = forms.IntegerField(
        min_value=1, required=False, help_text="For the rate: so many coins cost the amount."
    )
    amount = forms.DecimalField(
        min_value=0, help_text="In the region's currency, as its prices are shown."
    )
    valid_from = forms.SplitDateTimeField(
        required=False, widget=AdminSplitDateTime, help_text="UTC. Empty: now."
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("package") and not cleaned.get("coins"):
            self.add_error("coins", "Say how many coins the amount is for.")
        region, amount = cleaned.get("region"), cleaned.get("amount")
        if region and amount:
            try:
                cleaned["amount_minor"] = money.minor(Money(amount, region.currency))
            except ValueError as error:
                self.add_error("amount", str(error))
        return cleaned

    def price(self, *, at: datetime, created_by_id: int) -> Price:
        """The row as it would be, not saved."""
        cleaned = self.cleaned_data
        return Price(
            region=cleaned["region"],
            channel=cleaned["channel"],
            package=cleaned["package"],
            coins=cleaned["package"].coins if cleaned["package"] else cleaned["coins"],
            amount_minor=cleaned["amount_minor"],
            currency=cleaned["region"].currency,
            valid_from=cleaned["valid_from"] or at,
            created_by_id=created_by_id,
        )


class FxForm(forms.Form):
    source = forms.CharField(max_length=60, help_text="Who quoted them: ECB, a bank.")
    quoted_at = forms.SplitDateTimeField(
        required=False, widget=AdminSplitDateTime, help_text="UTC. Empty: now."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for currency in sorted(set(settings.CURRENCIES) - {"USD"}):
            self.fields[f"rate_{currency}"] = forms.DecimalField(
                label=f"{currency} for 1 USD", required=False, max_digits=18, decimal_places=8
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not self.rates(cleaned):
            self.add_error(None, "Enter at least one rate.")
        return cleaned

    def rates(self, cleaned: dict[str, Any] | None = None) -> dict[str, Decimal]:
        values = self.cleaned_data if cleaned is None else cleaned
        return {
            name.removeprefix("rate_"): rate
            for name, rate in values.items()
            if name.startswith("rate_") and rate is not None
        }


class FxFileForm(forms.Form):
    """A file of the European Central Bank's: kept in the form while it is looked at."""

    file = forms.FileField(
        required=False,
        help_text="eurofxref-daily.xml, eurofxref-hist-90d.xml, eurofxref.csv or its ZIP.",
    )
    content = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file is not None and (file.size or 0) > ecb.BYTES_MAX:
            raise forms.ValidationError("The file is too large. Take the file of 90 days.")
        return file

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        file = cleaned.get("file")
        if file is not None:
            cleaned["body"] = file.read()
            text = base64.b64encode(cleaned["body"]).decode("ascii")
            self.data = dict(self.data.items()) | {"content": text}
        else:
            try:
                cleaned["body"] = base64.b64decode(cleaned.get("content", ""), validate=True)
            except ValueError:
                self.add_error(None, "Choose the file again.")
                return cleaned
        if not self.errors and not cleaned["body"]:
            self.add_error("file", "Choose a file.")
        return cleaned


class CardForm(forms.Form):
    name = forms.CharField(max_length=40)
    diamonds_per_coin = forms.DecimalField(
        min_value=Decimal("0.001"), max_value=1000, decimal_places=3, initial=1
    )
    diamond_usd = forms.DecimalField(
        label="US dollars a diamond", min_value=Decimal("0.000001"), max_digits=12, decimal_places=6
    )
    notice_days = forms.IntegerField(min_value=0, max_value=3650)
    effective_at = forms.SplitDateTimeField(
        label="Takes effect", widget=AdminSplitDateTime, help_text="UTC."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for hold in HoldClass:
            self.fields[f"hold_{hold.value}"] = forms.IntegerField(
                label=f"Hold in days: {hold.label}", min_value=0, max_value=HOLD_DAYS_MAX
            )
        self.fields["first_days"] = forms.IntegerField(
            label="Hold in days: first payouts",
            min_value=0,
            max_value=HOLD_DAYS_MAX,
            help_text=f"Until {FIRST_PAYOUTS} payouts have reached a creator every hold is at "
            "least so long. 0: no longer than others.",
        )

    def facts(self) -> dict[str, Any]:
        """What ``cards.announce_rate_card`` takes of it."""
        cleaned = self.cleaned_data
        return {
            "name": cleaned["name"],
            "diamonds_per_coin_milli": int(cleaned["diamonds_per_coin"] * money.MILLI),
            "diamond_usd": cleaned["diamond_usd"],
            "hold_days": {int(hold): cleaned[f"hold_{hold.value}"] for hold in HoldClass}
            | {int(FIRST_HOLD): cleaned["first_days"]},
            "notice_days": cleaned["notice_days"],
            "effective_at": cleaned["effective_at"],
        }

    def card(self, *, at: datetime, announced_by: int) -> RateCard:
        """The card as it would be, not announced."""
        facts = self.facts()
        holds = {str(hold): days for hold, days in facts.pop("hold_days").items()}
        return RateCard(hold_days=holds, announced_at=at, announced_by=announced_by, **facts)


class AdjustmentForm(forms.Form):
    adjustment_id = forms.UUIDField(widget=forms.HiddenInput, initial=ledger.new_operation_id)
    owner = forms.CharField(label="Handle of the person", max_length=24)
    unit = forms.ChoiceField(choices=[("coin", "Coins"), ("diamond", "Diamonds")])
    amount = forms.DecimalField(
        max_digits=15, decimal_places=3, help_text="Below zero takes. Coins are whole."
    )
    card = forms.ModelChoiceField(
        RateCard.objects.order_by("-effective_at"),
        required=False,
        help_text="Of diamonds: the card they count under.",
    )
    reason = forms.CharField(max_length=300, help_text="The person reads this in their history.")

    def clean_owner(self) -> User:
        handle = self.cleaned_data["owner"].strip().removeprefix("@")
        owner = User.objects.filter(handle__iexact=handle).first()
        if owner is None:
            raise forms.ValidationError("There is nobody with this handle.")
        return owner

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        amount = cleaned.get("amount")
        if amount is not None:
            is_coins = cleaned.get("unit") == Adjustment.Unit.COIN
            if is_coins and amount != int(amount):
                self.add_error("amount", "Coins are whole.")
            cleaned["units"] = int(amount if is_coins else amount * money.MILLI)
        return cleaned


class DecisionForm(forms.Form):
    decision = forms.ChoiceField(
        choices=[("approve", "Approve: post it now"), ("reject", "Reject: post nothing")],
        widget=forms.RadioSelect,
    )
    why = forms.CharField(max_length=300, required=False, label="Why (when you reject)")


class ReconcileForm(forms.Form):
    days = forms.IntegerField(
        min_value=1,
        max_value=90,
        initial=2,
        help_text="How many days back. A month of a busy shop takes minutes.",
    )
