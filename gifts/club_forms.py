"""What creators fill in about their membership, and fans who become members."""

from typing import Final

from django import forms

from accounts.forms import OperationIdField
from gifts import memberships
from gifts.models import MembershipOffer

RELOAD: Final = "Reload the page and try again."


class OfferForm(forms.Form):
    """A creator's monthly membership."""

    is_on = forms.BooleanField(
        required=False,
        label="Fans can become members",
        help_text="Switched off, months that were paid run to their end.",
    )
    price_coins = forms.TypedChoiceField(
        choices=[(price, f"{price:,} coins") for price in MembershipOffer.PRICES],
        coerce=int,
        label="A month costs",
    )
    words = forms.CharField(
        required=False,
        max_length=memberships.WORDS_MAX,
        label="What members get",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="For example rooms and videos for members only. Everyone reads it.",
    )


class MemberForm(forms.Form):
    """A month somebody means to pay. The id is made before the first try and never changes."""

    operation_id = OperationIdField(error_messages=dict.fromkeys(("required", "invalid"), RELOAD))
    price_coins = forms.IntegerField(min_value=1, max_value=1_000_000)
    hide_name = forms.BooleanField(required=False)
