"""What fans and creators fill in about gifts and the places they are sent in."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.forms import OperationIdField
from gifts import artwork, levels, risk, rooms
from gifts.models import Category, GiftArt

HIDES_NAME = "gifts.hide_name"  # of the session: whether the last was paid without a name
RELOAD = "Reload the page and try again."


class SendForm(forms.Form):
    """One gift somebody means to send. The id is made before the first try and never changes."""

    operation_id = OperationIdField(error_messages=dict.fromkeys(("required", "invalid"), RELOAD))
    gift = forms.IntegerField(
        min_value=1, max_value=2**31 - 1, error_messages={"required": "Choose a gift first."}
    )
    quantity = forms.IntegerField(
        min_value=1,
        max_value=risk.QUANTITY_MAX,
        error_messages={
            "required": "Say how many.",
            "invalid": f"Choose a number from 1 to {risk.QUANTITY_MAX}.",
            "min_value": f"Choose a number from 1 to {risk.QUANTITY_MAX}.",
            "max_value": f"Choose a number from 1 to {risk.QUANTITY_MAX}.",
        },
    )
    confirmed = forms.BooleanField(required=False)
    hide_name = forms.BooleanField(required=False)
    streak_id = OperationIdField(
        required=False, error_messages=dict.fromkeys(("required", "invalid"), RELOAD)
    )

    def first_error(self) -> str:
        """The words of the first mistake."""
        return next(str(error) for errors in self.errors.values() for error in errors)


class PlaceForm(forms.Form):
    """What a live and a video have in common."""

    place_id = forms.UUIDField(widget=forms.HiddenInput)
    title = forms.CharField(
        min_length=3,
        max_length=80,
        strip=True,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="What is it about? Everyone sees this.",
    )
    address = forms.URLField(
        required=False,
        max_length=500,
        assume_scheme="https",
        widget=forms.URLInput(attrs={"inputmode": "url", "autocomplete": "off"}),
    )
    gifts_on = forms.BooleanField(
        required=False,
        initial=True,
        label="Fans can send gifts",
        help_text="You can switch this off and on again at any time.",
    )
    for_members = forms.BooleanField(
        required=False,
        label="For members only",
        help_text="Only people with your monthly membership can watch, talk and send gifts.",
    )

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"]
        try:
            rooms.check_address(address)
        except rooms.AddressNotAllowed as refusal:
            raise ValidationError(str(refusal)) from refusal
        return address


class LiveForm(PlaceForm):
    field_order = ["title", "address", "gifts_on", "for_members"]

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["address"].label = "Stream address"
        self.fields[
            "address"
        ].help_text = (
            "A stream the browser plays itself, over https. Leave it empty and your stage is drawn."
        )


class VideoForm(PlaceForm):
    field_order = ["title", "address", "gifts_on", "for_members"]

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["address"].label = "Video address"
        self.fields[
            "address"
        ].help_text = (
            "A video the browser plays itself, over https. Leave it empty and a poster is drawn."
        )


class VersionForm(forms.Form):
    """A gift as it will be: a change of one there is, or a new one."""

    slug = forms.SlugField(
        max_length=40, help_text="An existing gift's slug changes it; a new one makes a new gift."
    )
    name = forms.CharField(max_length=40)
    category = forms.ChoiceField(choices=Category.choices)
    price_coins = forms.IntegerField(min_value=1, max_value=1_000_000, label="Price in coins")
    is_streakable = forms.BooleanField(required=False, label="Can be sent in a streak")
    is_join_gift = forms.BooleanField(required=False, label="Joins the fan club")
    on_videos = forms.BooleanField(required=False, label="Can be sent on videos")
    animation_ms = forms.IntegerField(
        min_value=500, max_value=20_000, initial=1_000, label="Animation in milliseconds"
    )
    unlock_level = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=len(levels.FAN_LEVELS),
        help_text="A fan level that unlocks it. Empty, and no club level: everyone may send it.",
    )
    club_level = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=len(levels.CLUB_LEVELS),
        help_text="A level in the creator's fan club that unlocks it. With both, either does.",
    )
    highlight_s = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=3_600,
        label="Carries words, shown for so many seconds",
        help_text="Empty: it carries no words.",
    )
    art = forms.ModelChoiceField(
        GiftArt.objects.defer("moving", "still").order_by("-created_at", "pk"),
        required=False,
        label="Artwork",
        help_text="Empty: our own drawing of the slug, where there is one. Upload and look at one "
        "first.",
    )
    valid_from = forms.DateTimeField(
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        label="In force from",
        help_text="In your own time zone. Empty: at once.",
    )

    def clean_highlight_s(self) -> int:
        return self.cleaned_data["highlight_s"] or 0


class ArtForm(forms.Form):
    """Artwork for a gift, as staff upload it."""

    name = forms.CharField(max_length=60, help_text="For us: what it shows.")
    picture = forms.FileField(
        widget=forms.ClearableFileInput(attrs={"accept": ".png,.apng,.webp"}),
        help_text=f"PNG, APNG or WebP, at most {artwork.BYTES_MAX // 1_000_000} MB, each side "
        f"{artwork.SIDE_MIN} to {artwork.SIDE_MAX:,} pixels, at most {artwork.FRAMES_MAX} frames. "
        "It is drawn anew; nothing else that is in the file is kept.",
    )

    def clean_picture(self) -> Any:
        picture = self.cleaned_data["picture"]
        if (picture.size or 0) > artwork.BYTES_MAX:
            raise ValidationError(
                f"The file has more than {artwork.BYTES_MAX:,} bytes. Make it smaller."
            )
        return picture
