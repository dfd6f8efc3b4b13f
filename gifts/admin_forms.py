"""What staff fill in beside a deed on gifts' rows."""

from typing import Final

from django import forms
from django.contrib.admin.helpers import ActionForm

REASON_MAX: Final = 200


class WhyForm(ActionForm):
    """A deed that others will ask about carries its reason."""

    why = forms.CharField(max_length=REASON_MAX, required=False, label="Reason")
