"""What people type off a gift card, and what staff fill in to make a batch."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime
from django.utils import timezone
from djmoney.money import Money

from accounts.forms import OperationIdField
from wallet import charges, gift_batches, ledger, money
from wallet.models import CODES_MAX, Region

TYPED_LENGTH_MAX = 60


class RedeemForm(forms.Form):
    """A code as it is typed, and the purchase's id made with the page."""

    code = forms.CharField(
        label="Code on the card",
        max_length=TYPED_LENGTH_MAX,
        help_text="Five groups of four. Small letters and spaces are fine.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
        error_messages={
            "required": "Enter the code on your card.",
            "max_length": "This is longer than any code. Enter the code alone.",
        },
    )
    purchase = OperationIdField()


def _in_a_year() -> datetime:
    return timezone.now() + gift_batches.LIFE


class BatchForm(forms.Form):
    batch_id = forms.UUIDField(widget=forms.HiddenInput, initial=ledger.new_operation_id)
    name = forms.CharField(max_length=60, help_text="Who sells them, and when: for staff.")
    region = forms.ModelChoiceField(Region.objects.order_by("name"))
    coins = forms.IntegerField(
        min_value=1, max_value=charges.COINS_MAX, help_text="On each of the cards."
    )
    price = forms.DecimalField(
        min_value=0, help_text="What a card costs its buyer, tax and all, in the region's currency."
    )
    count = forms.IntegerField(min_value=1, max_value=CODES_MAX, label="Number of cards")
    expires_at = forms.SplitDateTimeField(
        label="Expires",
        widget=AdminSplitDateTime,
        initial=_in_a_year,
        help_text="UTC. From then on a card that was not redeemed gives nothing; coins once "
        "redeemed do not expire. Check how long the law of the region wants cards to last.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        region, price = cleaned.get("region"), cleaned.get("price")
        if region and price is not None:
            try:
                cleaned["gross_minor"] = money.minor(Money(price, region.currency))
            except ValueError as error:
                self.add_error("price", str(error))
        return cleaned

    def facts(self) -> dict[str, Any]:
        """What ``gift_batches.check_batch`` takes of it."""
        names = ("region", "coins", "gross_minor", "count", "expires_at")
        return {name: self.cleaned_data[name] for name in names}


class WhyForm(forms.Form):
    why = forms.CharField(label="Reason", max_length=300)


class HandOutForm(forms.Form):
    """Nothing to fill in: the page says what happens, and asks."""
