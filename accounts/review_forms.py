"""What people fill in around reviews: an appeal, a guardian's claim, a report, staff's decision."""

from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts import reviews
from accounts.models import Report, Review

RELATIONS: Final = (
    ("", "Choose one"),
    ("parent", "Parent"),
    ("guardian", "Legal guardian"),
    ("other", "Somebody else who cares for the child"),
)
CHILD_AGE_MAX: Final = 20


class AppealForm(forms.Form):
    words = forms.CharField(
        max_length=reviews.WORDS_MAX,
        label="Why the decision is wrong",
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="Somebody else than who decided reads it. You can appeal once.",
        error_messages={"required": "Say why you think the decision is wrong."},
    )


class GuardianForm(forms.Form):
    """A claim that a minor in somebody's care uses an account."""

    handle = forms.CharField(
        max_length=60,
        label="Whose account it is",
        help_text="The account's @handle. It is on its page and in its emails.",
    )
    name = forms.CharField(max_length=80, label="Your name")
    email = forms.EmailField(
        max_length=254,
        label="Your email",
        help_text="We write to it at once: the claim counts when you open the link in that email.",
    )
    relation = forms.ChoiceField(choices=RELATIONS, label="You are the child’s")
    child_age = forms.IntegerField(min_value=0, max_value=CHILD_AGE_MAX, label="The child’s age")
    words = forms.CharField(
        max_length=2000,
        label="What happened",
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="When it was, about how much was spent and how it was paid. "
        "Send no card numbers and no papers: we ask for what we need.",
    )
    is_true = forms.BooleanField(label="What I say here is true, to the best of my knowledge.")


class ReportForm(forms.Form):
    reason = forms.ChoiceField(
        choices=[("", "Choose one"), *Report.Reason.choices], label="What is wrong"
    )
    words = forms.CharField(
        max_length=1000,
        required=False,
        label="What we should know",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="They are not told who reported them.",
    )
    block = forms.BooleanField(required=False, label="Also block them")


class DecisionForm(forms.Form):
    """Staff's decision, with the statement of reasons the person will read."""

    outcome = forms.ChoiceField(choices=Review.Outcome, widget=forms.RadioSelect)
    statement = forms.CharField(
        max_length=reviews.WORDS_MAX,
        min_length=reviews.STATEMENT_MIN,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="The person reads this. Say what happened, which rule it is about, and what they "
        "can do. How to appeal is added by itself.",
    )
    restricts = forms.ChoiceField(
        choices=Review.Restriction,
        label="Holds back",
        help_text="Counts when upheld. Cleared lifts everything this review holds back.",
    )
    until = forms.DateTimeField(
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="Empty: until further notice.",
    )

    def clean_until(self) -> Any:
        until = self.cleaned_data["until"]
        if until is not None and until <= timezone.now():
            raise ValidationError("This moment has passed. Choose a later one.")
        return until
