"""What creators certify for the tax office, as a form: the fields follow from where they live."""

from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django_countries import countries

from payouts import tax_numbers, taxes
from payouts.models import EEA, TaxForm, TaxProfile

COUNTRIES: Final = [("", "Choose a country"), *countries]
NO_NUMBER: Final = [("", "I have one: it is above"), *TaxProfile.NoNumber.choices]
NUMBER_WORDS: Final = {
    TaxForm.W9: "Your social security number or individual taxpayer number (SSN, ITIN).",
    TaxForm.W8BEN: "As your own country gives it out.",
    TaxForm.DAC7: "As your own country gives it out, for example the Steuer-ID or numéro fiscal.",
}


class TaxProfileForm(forms.Form):
    """A tax form. The id is made with the page, so that sending it twice certifies it once."""

    profile_id = forms.UUIDField(widget=forms.HiddenInput)
    legal_name = forms.CharField(
        label="Full legal name",
        max_length=140,
        help_text="As on your papers.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    street = forms.CharField(
        label="Street and number",
        max_length=140,
        help_text="Where you live. A post office box does not do.",
        widget=forms.TextInput(attrs={"autocomplete": "street-address"}),
    )
    postal_code = forms.CharField(
        label="Postal code",
        max_length=12,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "postal-code"}),
    )
    city = forms.CharField(
        label="City",
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "address-level2"}),
    )
    state = forms.CharField(
        label="State",
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "address-level1"}),
    )
    country = forms.ChoiceField(
        label="Country where you pay tax", choices=COUNTRIES, help_text="Where you are resident."
    )
    tin = forms.CharField(
        label="Tax number",
        max_length=30,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    tin_country = forms.ChoiceField(
        label="Country that gave it out", choices=COUNTRIES, required=False
    )
    no_tin_why = forms.ChoiceField(label="No tax number?", choices=NO_NUMBER, required=False)
    birth_place = forms.CharField(
        label="Place of birth",
        max_length=80,
        required=False,
        help_text="Asked for where there is no tax number.",
    )
    vat_id = forms.CharField(
        label="VAT number",
        max_length=20,
        required=False,
        help_text="Only if you have one.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    is_certified = forms.BooleanField(required=True)

    def __init__(self, *args: Any, form: TaxForm, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tax_form = form
        self.fields["tin"].help_text = NUMBER_WORDS[form]
        self.fields["is_certified"].label = taxes.STATEMENTS[form]
        gone = {"birth_place", "vat_id"} if form != TaxForm.DAC7 else {"state"}
        if form == TaxForm.W9:
            gone |= {"tin_country", "no_tin_why"}
            self.fields["tin"].required = self.fields["state"].required = True
            self.fields["country"].choices = [("US", "United States")]  # type: ignore[attr-defined]
        for name in gone:
            del self.fields[name]

    def clean(self) -> dict[str, Any]:
        """See that the number is one, or that there is a word why there is none."""
        given = dict(super().clean() or {})
        if self.tax_form == TaxForm.W9:
            given["tin_country"] = "US"
        self._clean_number(given)
        if given.get("vat_id"):
            try:
                given["vat_id"] = tax_numbers.normal_vat(
                    given["vat_id"], country=str(given.get("country", ""))
                )
            except tax_numbers.UnfitNumber as refusal:
                self.add_error("vat_id", str(refusal))
        if (
            self.tax_form == TaxForm.DAC7
            and given.get("no_tin_why")
            and not given.get("birth_place")
        ):
            self.add_error("birth_place", "Without a tax number we are asked for this.")
        return given

    def _clean_number(self, given: dict[str, Any]) -> None:
        if given.get("tin"):
            given["no_tin_why"] = ""
            if not given.get("tin_country"):
                given["tin_country"] = given.get("country", "")
            try:
                given["tin"] = tax_numbers.normal(given["tin"], country=given["tin_country"])
            except tax_numbers.UnfitNumber as refusal:
                self.add_error("tin", str(refusal))
        elif "tin" not in self.errors and not given.get("no_tin_why"):
            self.add_error("tin", "Write your tax number, or say below why you have none.")

    def clean_country(self) -> str:
        country = str(self.cleaned_data["country"])
        if self.tax_form == TaxForm.DAC7 and country not in EEA:
            raise ValidationError(
                "This form is for the EU and EEA. Is your profile's country right?"
            )
        if self.tax_form == TaxForm.W8BEN and country == "US":
            raise ValidationError("US persons fill in a W-9: choose it at the foot of this page.")
        return country

    def declared(self) -> taxes.Declared:
        """What was written, for the deed."""
        given = {
            name: value
            for name, value in self.cleaned_data.items()
            if name not in ("profile_id", "is_certified")
        }
        return taxes.Declared(form=self.tax_form, **given)
