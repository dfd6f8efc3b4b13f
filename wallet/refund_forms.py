"""What people fill in when they ask for money back, and staff when they decide."""

from typing import Any, Final

from django import forms

from accounts.forms import OperationIdField
from wallet.models import Refund

WORDS_LENGTH_MAX: Final = 500
TO_ALL: Final = "all"
TO_PART: Final = "part"
TO_NONE: Final = "none"


class RefundForm(forms.Form):
    """A request: how many coins, why, and the refund's id made with the page."""

    refund = OperationIdField()
    coins = forms.IntegerField(
        min_value=1,
        label="How many coins",
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={
            "min_value": "Give back at least 1 coin.",
            "invalid": "Enter a whole number of coins.",
        },
    )
    ground = forms.ChoiceField(label="Why", choices=Refund.Ground.choices)
    words = forms.CharField(
        label="Anything we should know",
        required=False,
        max_length=WORDS_LENGTH_MAX,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, coins_max: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["coins"].widget.attrs["max"] = coins_max


class DecisionForm(forms.Form):
    """Staff's decision about one refund."""

    decision = forms.ChoiceField(
        choices=[
            (TO_ALL, "Approve all of it"),
            (TO_PART, "Approve a part"),
            (TO_NONE, "Deny it"),
        ],
        widget=forms.RadioSelect,
    )
    coins = forms.IntegerField(
        min_value=1, required=False, help_text="For a part: how many coins go back."
    )
    reason = forms.CharField(
        max_length=WORDS_LENGTH_MAX,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}),
        help_text="The fan reads it.",
    )

    def __init__(self, *args: Any, refund: Refund, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._refund = refund

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        decision, part, all_coins = given.get("decision"), given.get("coins"), self._refund.coins
        if decision == TO_PART and not (part and part < all_coins):
            self.add_error("coins", f"A part is between 1 and {all_coins - 1:,} coins.")
        given["approved"] = {TO_ALL: all_coins, TO_PART: part, TO_NONE: 0}.get(str(decision))
        return given
