"""What people send for an identity check, and what staff fill in about one."""

from datetime import date
from typing import Any, ClassVar, Final

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from accounts import identity, papers

TAKEN: Final = "image/jpeg,image/png,application/pdf"


class PaperField(forms.FileField):
    """One file, small enough to be read. What it is, is looked at in ``papers``."""

    widget = forms.FileInput(attrs={"accept": TAKEN})

    def clean(self, data: Any, initial: Any = None) -> Any:
        given = super().clean(data, initial)
        if isinstance(given, UploadedFile) and (given.size or 0) > papers.BYTES_MAX:
            raise ValidationError(
                f"The file has more than {papers.BYTES_MAX // 1_000_000} MB. Make it smaller."
            )
        return given


class PapersForm(forms.Form):
    """The papers, as one try: all of them or none."""

    KINDS: ClassVar = ("front", "back", "selfie")

    check_id = forms.UUIDField(widget=forms.HiddenInput)
    front = PaperField(
        label="Front of your passport, identity card or driving licence",
        help_text="All four corners, sharp, nothing covered. JPEG, PNG or PDF.",
    )
    back = PaperField(label="Back of it", required=False, help_text="Where it has one.")
    selfie = PaperField(
        label="You, holding it beside your face",
        help_text="So that nobody can verify with papers that were lost or stolen.",
    )

    def files_given(self) -> dict[str, bytes]:
        """Read the files that were sent."""
        return {
            kind: self.cleaned_data[kind].read()
            for kind in self.KINDS
            if self.cleaned_data.get(kind)
        }


class StartForm(forms.Form):
    check_id = forms.UUIDField()
    adapter = forms.SlugField(max_length=20)


class AccessForm(forms.Form):
    """Why staff need to see papers."""

    reason = forms.CharField(
        max_length=300,
        min_length=papers.REASON_MIN,
        label="Why you need to see them",
        help_text="A colleague reads it and decides. It is kept with each look at each paper.",
        widget=forms.TextInput(attrs={"size": 60}),
    )


class ApproveForm(forms.Form):
    """What the paper says, as the reviewer read it. Nothing is filled in beforehand, on purpose."""

    name = forms.CharField(
        max_length=identity.NAME_MAX,
        label="Full name on the paper",
        help_text="Given names and family names, as they stand there.",
    )
    birth_date = forms.DateField(
        label="Date of birth on the paper",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Another date than in the profile declines the check.",
    )

    def clean_birth_date(self) -> date:
        given: date = self.cleaned_data["birth_date"]
        return given


class WhyForm(forms.Form):
    why = forms.CharField(
        max_length=400,
        label="Why",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The person reads it. Say what to do better.",
    )
