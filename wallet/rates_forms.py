"""The calculator of the rates page."""

from collections.abc import Sequence
from typing import Any, Final

from django import forms

from wallet.models import Region

CALCULATOR_COINS_MAX: Final = 1_000_000


class RatesForm(forms.Form):
    """So many coins in one region."""

    coins = forms.IntegerField(label="Coins", min_value=1, max_value=CALCULATOR_COINS_MAX)
    region = forms.ChoiceField(label="Where")

    def __init__(self, *args: Any, regions: Sequence[Region], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._regions = {region.pk: region for region in regions}
        choice = self.fields["region"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [(region.pk, str(region)) for region in regions]

    @property
    def chosen(self) -> Region:
        return self._regions[self.cleaned_data["region"]]
