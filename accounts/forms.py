"""What people fill in about themselves."""

from typing import Any

from django import forms


class SignupForm(forms.Form):
    """The part of signing up that is Carat's own."""

    def signup(self, request: Any, user: Any) -> None:
        """Called by allauth with the new user."""
