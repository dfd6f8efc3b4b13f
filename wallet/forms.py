"""What people fill in when they buy."""

from typing import Any

from django import forms
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.forms import OperationIdField
from wallet import charges

PATH_LENGTH_MAX = 200


class ExactForm(forms.Form):
    """An exact number of coins, and where to go back to."""

    coins = forms.IntegerField(
        min_value=charges.COINS_MIN,
        max_value=charges.COINS_MAX,
        label="Exact number of coins",
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={
            "min_value": f"The smallest amount is {charges.COINS_MIN:,} coins.",
            "max_value": f"The largest amount is {charges.COINS_MAX:,} coins at a time.",
            "invalid": "Enter a whole number of coins.",
        },
    )
    next = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_next(self) -> str:
        return safe_path(self.cleaned_data["next"])


class BuyForm(ExactForm):
    """What to buy: a package or an exact number of coins."""

    package = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
    corrects = forms.UUIDField(required=False, widget=forms.HiddenInput)
    method = forms.SlugField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["coins"].required = False

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not self.errors and (given.get("coins") is None) == (given.get("package") is None):
            raise forms.ValidationError("Choose a package or a number of coins.")
        return given


class CheckoutForm(BuyForm):
    """The agreement: what, how, at which price, and the purchase's id made with the page."""

    purchase = OperationIdField()
    method = forms.SlugField(error_messages={"required": "Choose how you want to pay."})
    shown = forms.IntegerField(widget=forms.HiddenInput)


def safe_path(path: str) -> str:
    """Return a path of this site, or nothing."""
    is_ours = path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if is_ours and len(path) <= PATH_LENGTH_MAX else ""
