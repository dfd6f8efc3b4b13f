"""What creators fill in to be paid, and anybody to check a statement."""

from collections.abc import Mapping
from typing import Any, Final

from babel import Locale
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from payouts import destinations, vouching
from payouts.models import Destination

Rail = Destination.Rail
NAMES: Final = Locale("en").currencies


class DestinationForm(forms.Form):
    """A bank account. The id is made with the form, so that sending it twice sets it once."""

    rail = Rail.BANK
    destination_id = forms.UUIDField(widget=forms.HiddenInput)
    holder_name = forms.CharField(
        label="Account holder",
        max_length=70,
        help_text="Your own name, as your bank writes it.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    account = forms.CharField(
        label="IBAN or account number",
        max_length=44,
        help_text="Spaces do not matter.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    currency = forms.ChoiceField(
        label="Currency of the account",
        help_text="Your diamonds are settled in it.",
        choices=[(code, f"{NAMES[code]} ({code})") for code in settings.CURRENCIES],
    )

    def clean_account(self) -> str:
        try:
            return destinations.normal_account(self.cleaned_data["account"])
        except destinations.UnfitAccount as error:
            raise ValidationError(str(error)) from error


class SepaForm(forms.Form):
    """A bank account in the single euro payments area."""

    rail = Rail.SEPA
    destination_id = forms.UUIDField(widget=forms.HiddenInput)
    holder_name = forms.CharField(
        label="Account holder",
        max_length=70,
        help_text="Your own name, as your bank writes it.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    account = forms.CharField(
        label="IBAN",
        max_length=44,
        help_text="An account in euros. Spaces do not matter.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    bic = forms.CharField(
        label="BIC",
        max_length=14,
        required=False,
        help_text="Only if your bank asks for it.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_holder_name(self) -> str:
        try:
            return destinations.sepa_name(self.cleaned_data["holder_name"])
        except destinations.UnfitAccount as error:
            raise ValidationError(str(error)) from error

    def clean_account(self) -> str:
        try:
            return destinations.sepa_account(self.cleaned_data["account"])
        except destinations.UnfitAccount as error:
            raise ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if "account" in given and "bic" in given:
            try:
                given["bic"] = destinations.sepa_bic(given["bic"], account=given["account"])
            except destinations.UnfitAccount as error:
                self.add_error("bic", str(error))
        return given | {"currency": "EUR"}


class StripeForm(forms.Form):
    """To be paid by Stripe: whose account it is. Stripe's own page asks for the rest."""

    rail = Rail.STRIPE
    holder_name = forms.CharField(
        label="Account holder",
        max_length=70,
        help_text="Your own name. Stripe asks for everything else on its own page.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


class PayoutForm(forms.Form):
    """What the creator was shown and confirms."""

    payout_id = forms.UUIDField(widget=forms.HiddenInput)
    amount_minor = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


class ChoiceForm(forms.Form):
    """Whether settlements pay by themselves."""

    automatic = forms.ChoiceField(
        label="Choose",
        choices=[
            ("yes", "Automatically: each settlement pays what is ready"),
            ("no", "On request: it stays in your balance until you ask"),
        ],
        widget=forms.RadioSelect,
    )

    @property
    def is_automatic(self) -> bool:
        return bool(self.cleaned_data["automatic"] == "yes")


type AccountForm = DestinationForm | SepaForm

FORMS: Final[Mapping[str, type[AccountForm]]] = {Rail.BANK: DestinationForm, Rail.SEPA: SepaForm}


class VerifyForm(forms.Form):
    """A statement's code, and its file if that is to be compared too."""

    code = forms.CharField(
        label="Code or digest",
        max_length=100,
        help_text="At the end of the statement: four groups of four. Spaces do not matter.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "characters"}
        ),
    )
    file = forms.FileField(
        label="The file, if you have it",
        required=False,
        help_text="The PDF or CSV as you got it. It is compared and not kept.",
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file and file.size > vouching.FILE_MAX_BYTES:
            raise ValidationError("This is no statement of ours: it is too large.")
        return file
