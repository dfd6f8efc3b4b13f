"""What staff fill in to read a file of prices."""

from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime

from wallet import price_files


class PriceFileForm(forms.Form):
    """A file, or its text: what was uploaded comes back as text, to be looked at and confirmed."""

    file = forms.FileField(
        required=False,
        help_text="CSV in UTF-8 with the columns " + ", ".join(price_files.COLUMNS) + ".",
    )
    text = forms.CharField(
        required=False,
        strip=False,
        max_length=price_files.BYTES_MAX,
        label="or its text",
        widget=forms.Textarea(attrs={"rows": 8, "cols": 90, "spellcheck": "false"}),
    )
    valid_from = forms.SplitDateTimeField(
        required=False,
        widget=AdminSplitDateTime,
        label="Rows without a date begin",
        help_text="UTC. Empty: now. A higher price keeps its notice.",
    )
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file is not None and (file.size or 0) > price_files.BYTES_MAX:
            raise forms.ValidationError("The file is larger than a megabyte. Part it in several.")
        return file

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        file = cleaned.get("file")
        if file is not None:
            try:
                cleaned["text"] = price_files.decoded(file.read())
            except price_files.NotAPriceFile as refusal:
                self.add_error("file", str(refusal))
            self._show(text=cleaned["text"])
        if not self.errors and not cleaned.get("text", "").strip():
            self.add_error("file", "Choose a file, or paste its text.")
        return cleaned

    def remember(self, digest: str) -> None:
        """Keep in the form what its reader is shown, to be sent back with the confirmation."""
        self._show(seen=digest)

    def _show(self, **values: str) -> None:
        self.data = dict(self.data.items()) | values
