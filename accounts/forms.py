"""What people fill in about themselves, and staff about them."""

from datetime import timedelta
from typing import Any, ClassVar, Final
from zoneinfo import available_timezones

from babel.core import get_global
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django_countries import countries

from accounts import queries, risk
from accounts.models import HANDLE, Scope, User

AGE_MAX: Final = 120
# Names that would pass for the house's own.
RESERVED_HANDLES: Final = frozenset(
    {
        "admin", "administrator", "carat", "help", "moderator", "official", "root", "staff",
        "support", "system", "team",
    }
)  # fmt: skip
# Where most people of a country with several time zones live; others have one, or are asked for it.
MAIN_ZONES: Final = {
    "US": "America/New_York", "BR": "America/Sao_Paulo", "MX": "America/Mexico_City",
    "CA": "America/Toronto", "AU": "Australia/Sydney", "RU": "Europe/Moscow",
    "ID": "Asia/Jakarta", "ES": "Europe/Madrid", "PT": "Europe/Lisbon", "DE": "Europe/Berlin",
    "CL": "America/Santiago", "AR": "America/Argentina/Buenos_Aires", "NZ": "Pacific/Auckland",
}  # fmt: skip
COUNTRIES: Final = [("", "Choose a country"), *countries]
TIME_ZONES: Final = [(zone, zone.replace("_", " ")) for zone in sorted(available_timezones())]


def zone_of(country: str) -> str:
    """The time zone most people of a country live in; UTC when that cannot be said."""
    if country in MAIN_ZONES:
        return MAIN_ZONES[country]
    zones = [zone for zone, where in get_global("zone_territories").items() if where == country]
    return zones[0] if len(zones) == 1 and zones[0] in available_timezones() else "UTC"


class BirthDateField(forms.DateField):
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "autocomplete": "bday"})

    def clean(self, value: Any) -> Any:
        """Refuse dates that no living person was born on, and children."""
        given = super().clean(value)
        if given is None:
            return given
        years = risk.age(given, timezone.now())
        if given > timezone.now().date() or years > AGE_MAX:
            raise ValidationError("This cannot be a date of birth. Check the year.")
        if years < risk.AGE_MIN_TO_JOIN:
            raise ValidationError(f"Carat is for people of {risk.AGE_MIN_TO_JOIN} and over.")
        return given


class HandleField(forms.CharField):
    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 24)
        kwargs.setdefault("validators", [HANDLE])
        kwargs.setdefault(
            "help_text", "Your address here, @handle: 3 to 24 letters, digits or underscores."
        )
        super().__init__(**kwargs)
        self.widget.attrs |= {
            "autocapitalize": "none",
            "autocomplete": "nickname",
            "spellcheck": "false",
        }

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value) or "").strip().removeprefix("@").lower()


class SignupForm(forms.Form):
    """The part of signing up that is Carat's own; allauth adds email and password."""

    field_order = (
        "email",
        "password1",
        "display_name",
        "handle",
        "country",
        "birth_date",
        "accept_terms",
    )

    display_name = forms.CharField(
        max_length=40, label="Name", help_text="What others see. It need not be your real name."
    )
    handle = HandleField()
    country = forms.ChoiceField(choices=COUNTRIES, help_text="Decides currency, prices and tax.")
    birth_date = BirthDateField(
        label="Date of birth",
        help_text="Nobody sees it. Buying and sending is for adults. Only staff can change it.",
    )
    accept_terms = forms.BooleanField()
    terms_id = forms.IntegerField(widget=forms.HiddenInput, required=False)
    time_zone = forms.CharField(
        widget=forms.HiddenInput(attrs={"data-time-zone": ""}), required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        terms = queries.terms_in_force(at=timezone.now())
        self.terms = terms
        if terms is None:
            del self.fields["accept_terms"]
        else:
            self.fields["terms_id"].initial = terms.pk
            self.fields["accept_terms"].label = format_html(
                'I accept the <a href="{}" target="_blank">terms</a>, version {}',
                reverse("accounts:terms"),
                terms.version,
            )
            self.fields["accept_terms"].error_messages["required"] = (
                "An account needs your word that you accept the terms."
            )

    def clean_handle(self) -> str:
        return free_handle(self.cleaned_data["handle"])

    def clean_terms_id(self) -> int | None:
        """The version accepted is the one that was shown, and it must still hold."""
        shown = self.cleaned_data["terms_id"]
        current = self.terms.pk if self.terms else None
        if shown != current:
            raise ValidationError("The terms have changed meanwhile. Read and accept them again.")
        return current

    def clean_time_zone(self) -> str:
        """The browser's own, else what the country says."""
        given = str(self.cleaned_data["time_zone"])
        if given in available_timezones():
            return given
        return zone_of(str(self.cleaned_data.get("country", "")))

    def signup(self, request: Any, user: Any) -> None:
        """Called by allauth once config.signin has written the person: nothing is left to do."""


def free_handle(handle: str, *, but: User | None = None) -> str:
    """The handle, when nobody has it and it is not the house's own. Raises ValidationError."""
    taken = User.objects.filter(handle__iexact=handle)
    if but is not None:
        taken = taken.exclude(pk=but.pk)
    if handle in RESERVED_HANDLES or taken.exists():
        raise ValidationError(f"@{handle} is taken. Choose another handle.")
    return handle


class ProfileForm(forms.Form):
    """What people may change about themselves. Country and birth date only while they are empty."""

    display_name = forms.CharField(max_length=40, label="Name")
    handle = HandleField()
    language = forms.ChoiceField(
        choices=settings.LANGUAGES,
        help_text="Numbers, dates and amounts follow it. Most words are English for now.",
    )
    time_zone = forms.ChoiceField(choices=TIME_ZONES)
    country = forms.ChoiceField(choices=COUNTRIES, required=False)
    birth_date = BirthDateField(label="Date of birth", required=False)
    is_ranked = forms.BooleanField(
        required=False,
        label="Show my name among top gifters",
        help_text="With your coins, in rooms and for the week. Off: your gifts count, unnamed.",
    )
    shows_level = forms.BooleanField(
        required=False,
        label="Show my level beside my name",
        help_text="In chat and on gifts, with your level in clubs. Off: only you see it.",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        for name in ("country", "birth_date"):
            if getattr(user, name):
                self.fields[name].disabled = self.fields[name].required = True
                self.fields[name].help_text = "Only our staff can change this."
            else:
                self.fields[
                    name
                ].help_text = (
                    "Needed before you can buy or send. Only our staff can change it afterwards."
                )

    def clean_handle(self) -> str:
        return free_handle(self.cleaned_data["handle"], but=self.user)


class GiftChoicesForm(forms.Form):
    """When a fan is asked before a gift, and told how long they have watched."""

    confirm_coins = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=settings.GIFT_CONFIRM_COINS,
        label="Ask me before gifts from",
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
        help_text=f"Coins, from 1 to {settings.GIFT_CONFIRM_COINS:,}. Empty: from "
        f"{settings.GIFT_CONFIRM_COINS:,}, as everybody is asked.",
    )
    break_after_min = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        choices=(
            ("15", "Every 15 minutes"),
            ("30", "Every 30 minutes"),
            ("60", "Every hour"),
            ("0", "Never"),
        ),
        label="Tell me how long I have watched, and what I spent",
    )


class CreatorForm(forms.Form):
    about = forms.CharField(
        max_length=500,
        required=False,
        label="About you",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Up to 500 characters, shown on your page.",
    )


class ConsentForm(forms.Form):
    """What a fan lets a service do: how much a day and how long."""

    DAYS = (("7", "A week"), ("30", "30 days"), ("90", "90 days"), ("365", "A year"))

    daily_cap_coins = forms.IntegerField(
        min_value=1,
        max_value=1_000_000,
        label="Coins a day at most",
        help_text="The service can never spend more than this between two midnights UTC.",
    )
    days = forms.ChoiceField(choices=DAYS, initial="30", label="For how long")

    def __init__(self, *args: Any, scope: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if scope != Scope.GIFTS_SEND:
            del self.fields["daily_cap_coins"]

    @property
    def until_days(self) -> timedelta:
        return timedelta(days=int(self.cleaned_data["days"]))


class OperationIdField(forms.UUIDField):
    """The id of a deed, made with its page (UUIDv7): sending the form again changes nothing."""

    widget = forms.HiddenInput
    default_error_messages: ClassVar = {"invalid": "This form is damaged. Open the page again."}

    def clean(self, value: Any) -> Any:
        operation_id = super().clean(value)
        if operation_id is not None and operation_id.version != 7:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return operation_id


class StandingForm(forms.Form):
    """Staff's decision about people, with the reason those people will read."""

    reason = forms.CharField(
        max_length=400,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The person reads this. Say what happened and what they can do.",
    )
    until = forms.DateTimeField(
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="Empty: until staff change it.",
    )

    def clean_until(self) -> Any:
        until = self.cleaned_data["until"]
        if until is not None and until <= timezone.now():
            raise ValidationError("This moment has passed. Choose a later one.")
        return until


class TermsForm(forms.Form):
    """New terms: a version, the words, and from when."""

    version = forms.CharField(max_length=20)
    text = forms.CharField(widget=forms.Textarea(attrs={"rows": 24}))
    effective_at = forms.DateTimeField()


class ReasonedForm(forms.ModelForm):  # type: ignore[type-arg]
    """A change by staff of a row whose history is kept: it says why."""

    why = forms.CharField(
        label="Reason",
        max_length=200,
        help_text="Kept with the change and your name, for whoever asks later.",
    )
