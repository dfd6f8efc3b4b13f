"""What fans fill in about their own spending, and staff about everybody's. They only parse."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime
from djmoney.money import Money

from wallet import money
from wallet.models import BPS, OwnLimit, PaymentKind, PurchaseLimit, Region, Window

BREAKS: Final = (
    (1, "24 hours"), (3, "3 days"), (7, "1 week"), (14, "2 weeks"), (28, "4 weeks"),
    (42, "6 weeks"),
)  # fmt: skip
LABELS: Final = {
    Window.PURCHASE: "A purchase",
    Window.DAY: "In any 24 hours",
    Window.WEEK: "In any 7 days",
    Window.MONTH: "In any 30 days",
}


class AmountField(forms.DecimalField):
    """An amount of money in a currency known when the form is made; empty: none."""

    def __init__(self, *, currency: str, **options: Any) -> None:
        places = money.decimals(currency)
        super().__init__(
            required=False,
            min_value=Decimal(1).scaleb(-places),
            max_digits=15,
            decimal_places=places,
            error_messages={"min_value": "Enter an amount above zero, or nothing for no limit."},
            **options,
        )


class OwnLimitsForm(forms.Form):
    """The person's own limits, one field a window, empty for none."""

    def __init__(
        self, *args: Any, currency: str, current: dict[Window, OwnLimit], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.currency = currency
        for window in Window:
            row = current.get(window)
            amount = row.money.amount if row and row.money and row.currency == currency else None
            self.fields[window.value] = AmountField(
                currency=currency,
                label=f"{LABELS[window]}, {currency}",
                initial=amount,
                widget=forms.NumberInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
            )

    def changes(self) -> list[tuple[Window, int | None]]:
        """What is not as it was, in minor units."""
        return [
            (window, _minor(self.cleaned_data[window.value], self.currency))
            for window in Window
            if window.value in self.changed_data
        ]


class KeepForm(forms.Form):
    window = forms.ChoiceField(choices=Window.choices)


class TimeOutForm(forms.Form):
    """A break from buying, and the word that it is meant."""

    days = forms.TypedChoiceField(
        label="How long",
        choices=BREAKS,
        coerce=int,
        error_messages={"required": "Choose how long the break is."},
    )
    sure = forms.BooleanField(
        label="I know that nobody can end the break early",
        error_messages={"required": "Tick this box, so that nobody takes a break by accident."},
    )

    @property
    def length(self) -> timedelta:
        return timedelta(days=self.cleaned_data["days"])


class PurchaseLimitForm(forms.Form):
    """A new row of the limits by region, in the region's currency. Empty: no limit."""

    region = forms.ModelChoiceField(Region.objects.order_by("name"))
    kind = forms.ChoiceField(label="Way to pay", choices=PaymentKind.choices)
    is_hard = forms.BooleanField(
        label="Cap of law or of the payment network",
        required=False,
        help_text="The same for everybody, and it may begin without notice.",
    )
    purchase = forms.DecimalField(label="A purchase", required=False, min_value=0)
    day = forms.DecimalField(label="In any 24 hours", required=False, min_value=0)
    month = forms.DecimalField(label="In any 30 days", required=False, min_value=0)
    first_day = forms.DecimalField(
        label="In the first 24 hours of a new method", required=False, min_value=0
    )
    new_percent = forms.DecimalField(
        label="New accounts get, %", min_value=Decimal("0.01"), max_value=100, initial=40
    )
    verified_percent = forms.DecimalField(
        label="Verified accounts get, %", min_value=100, max_value=10_000, initial=400
    )
    source = forms.CharField(
        label="Why", max_length=200, help_text="The law, the network's rule, or your reason. Shown."
    )
    valid_from = forms.SplitDateTimeField(
        required=False, widget=AdminSplitDateTime, help_text="UTC. Empty: now."
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        region = cleaned.get("region")
        for name in ("purchase", "day", "month", "first_day"):
            if region and cleaned.get(name) is not None:
                try:
                    cleaned[f"{name}_minor"] = _minor(cleaned[name], region.currency)
                except ValueError as error:
                    self.add_error(name, str(error))
        return cleaned

    def row(self, *, at: datetime, created_by_id: int) -> PurchaseLimit:
        """The row as it would be, not saved. A cap has no factors."""
        cleaned = self.cleaned_data
        is_hard = cleaned["is_hard"]
        return PurchaseLimit(
            region=cleaned["region"],
            kind=cleaned["kind"],
            is_hard=is_hard,
            currency=cleaned["region"].currency,
            purchase_minor=cleaned.get("purchase_minor"),
            day_minor=cleaned.get("day_minor"),
            month_minor=cleaned.get("month_minor"),
            first_day_minor=cleaned.get("first_day_minor"),
            new_bps=BPS if is_hard else int(cleaned["new_percent"] * 100),
            verified_bps=BPS if is_hard else int(cleaned["verified_percent"] * 100),
            valid_from=cleaned["valid_from"] or at,
            source=cleaned["source"],
            created_by_id=created_by_id,
        )


def _minor(amount: Decimal | None, currency: str) -> int | None:
    return None if amount is None else money.minor(Money(amount, currency))
