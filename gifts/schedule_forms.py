"""What creators fill in to plan a live. Times are in the zone of whoever fills it in."""

from typing import Any

from django import forms
from django.utils import timezone

from accounts.forms import OperationIdField


class PlanForm(forms.Form):
    """A live to come, or a change of one. The id is the deed's, made before the first try."""

    planned_id = OperationIdField()
    title = forms.CharField(
        min_length=3,
        max_length=80,
        strip=True,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="What is it about? Everyone sees this.",
    )
    starts_at = forms.DateTimeField(
        label="Begins",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    words = forms.CharField(
        required=False,
        max_length=200,
        strip=True,
        label="A few words",
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = timezone.get_current_timezone_name()
        self.fields["starts_at"].help_text = f"In your time zone, {zone.replace('_', ' ')}."
