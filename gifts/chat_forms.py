"""What people fill in to talk in a room, and creators and moderators to keep order there."""

from datetime import timedelta
from typing import Final

from django import forms

from accounts.forms import OperationIdField
from gifts import chat, goals, moderation

MUTES: Final = {
    "600": ("for 10 minutes", timedelta(minutes=10)),
    "86400": ("for a day", timedelta(days=1)),
    "604800": ("for a week", timedelta(days=7)),
    "0": ("until taken back", None),
}
SLOW: Final = (("0", "Off"), ("5", "5 seconds"), ("30", "30 seconds"), ("60", "1 minute"))


class SayForm(forms.Form):
    """A message; with a gift that carries words, paid for. The id is made before the first try."""

    message_id = OperationIdField()
    words = forms.CharField(max_length=10 * chat.WORDS_MAX, strip=False, required=False)
    gift = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    hide_name = forms.BooleanField(required=False)  # of what is paid for
    confirmed = forms.BooleanField(required=False)

    def first_error(self) -> str:
        """The words of the first mistake."""
        return next(str(error) for errors in self.errors.values() for error in errors)


class MuteForm(forms.Form):
    over = forms.ChoiceField(
        choices=[(value, words) for value, (words, _) in MUTES.items()], label="How long"
    )

    def length(self) -> timedelta | None:
        """For how long; None: until it is taken back."""
        return MUTES[self.cleaned_data["over"]][1]


class RulesForm(forms.Form):
    slow_s = forms.TypedChoiceField(
        choices=SLOW,
        coerce=int,
        label="Slow mode",
        help_text="How long people wait between two messages. You and moderators do not.",
    )
    banned_words = forms.CharField(
        required=False,
        max_length=moderation.BANNED_MAX * (moderation.BANNED_LENGTH_MAX + 2),
        label="Words you do not want",
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
        help_text="One a line, also several words. Big letters and accents are no way around.",
    )


class ModeratorForm(forms.Form):
    handle = forms.CharField(
        max_length=25,
        label="Their handle",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off"}),
        help_text="They can remove messages, mute people and set these rules.",
    )


class GoalForm(forms.Form):
    goal_id = OperationIdField()
    words = forms.CharField(
        min_length=goals.WORDS_MIN,
        max_length=goals.WORDS_MAX,
        label="What you do then",
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Sing the encore"}),
        help_text="Everyone in the room sees it above the bar.",
    )
    target_coins = forms.IntegerField(
        min_value=1,
        max_value=goals.TARGET_MAX,
        label="Coins",
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
