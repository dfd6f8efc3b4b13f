"""Make the first administrator: a verified account and a link, good once, to choose a password.

The admin opens for it after a second factor was set up at the first sign-in.
"""

from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.urls import reverse

from accounts import roles, services
from accounts.models import User


def password_link(user: User) -> str:
    """An address where this person, and only they, may choose a password once."""
    key = f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"
    uid, _, token = key.partition("-")
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token})
    return f"{settings.SITE_URL}{path}"


class Command(BaseCommand):
    help = "Make an administrator and print a link to choose a password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--handle", default="administrator")
        parser.add_argument("--name", default="Administrator")

    def handle(self, *args: Any, email: str, handle: str, name: str, **options: Any) -> None:
        try:
            validate_email(email)
            user = services.create_administrator(email=email, handle=handle, display_name=name)
        except (ValidationError, services.EmailTaken, services.HandleTaken) as error:
            raise CommandError(str(error)) from error
        roles.sync()
        self.stdout.write(f"{user.email} is an administrator. Choose a password here, once:")
        self.stdout.write(password_link(user))
        self.stdout.write("Then sign in and set up a second factor; the admin opens after that.")
