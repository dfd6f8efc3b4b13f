"""How allauth signs people in, and which services may ask for tokens.

Promises: after signing in nobody is sent off this site; neither signing up, signing in nor
resetting a password says whether an address has an account; suspended people are refused with the
reason, and sessions they still hold are nobody's; the device and network of each sign-in leave
their fingerprints.

Doors that change where money goes or who may spend it also ask for a fresh sign-in:

    @login_required
    @reauthentication_required(allow_get=True)   # allauth.account.decorators
    def destination(request): ...

The form is shown at once; when it is sent, whoever has not just done so confirms with password,
passkey or code first, and then the form goes through as it was sent. That holds for five minutes.
The form's address carries no query string: allauth sends it on to the path alone.
"""

from typing import Any

from allauth.account import forms
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.internal.stagekit import clear_login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from django.conf import settings
from django.contrib import messages
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.db import IntegrityError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import fingerprints, queries, services
from accounts.models import Standing, User


class Backend(AuthenticationBackend):
    """Passwords as allauth checks them. A suspended person's sessions belong to nobody."""

    def get_user(self, user_id: Any) -> User | None:
        user = super().get_user(user_id)
        if isinstance(user, User) and user.standing != Standing.SUSPENDED:
            return user
        return None


class SignupForm(forms.SignupForm):
    """allauth's form with Carat's fields; what a password must be, in one sentence."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[
            "password1"
        ].help_text = "At least 10 characters. No common word, not only digits, not your name."


class AccountAdapter(DefaultAccountAdapter):
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "Email or password is not right. Try again.",
        "too_many_login_attempts": "Too many tries. Wait five minutes, then try again.",
        "incorrect_code": "That code is not right. Look at the latest email and try again.",
        "incorrect_password": "That password is not right.",
        "rate_limited": "Too many tries. Wait a few minutes, then try again.",
    }

    def is_safe_url(self, url: str) -> bool:
        """Stay on the address the request came to."""
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure()
        )

    def pre_login(self, request: HttpRequest, user: Any, **facts: Any) -> HttpResponse | None:
        """Refuse suspended people once their password was right, and say why."""
        if user.standing == Standing.SUSPENDED:
            return self._suspended(request, user)
        answer: HttpResponse | None = super().pre_login(request, user, **facts)
        return answer

    def login(self, request: HttpRequest, user: Any) -> None:
        """Look again after the second factor: the suspension may have come in between."""
        user.refresh_from_db(fields=["standing"])
        if user.standing == Standing.SUSPENDED:
            raise ImmediateHttpResponse(self._suspended(request, user))
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: Any, **facts: Any) -> HttpResponse:
        """Note where the person signed in from; a device without a name gets one."""
        answer: HttpResponse = super().post_login(request, user, **facts)
        named = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
        address = self.get_client_ip(request)
        seen = fingerprints.seen(device=named, address=address)
        if not seen.device:
            seen = fingerprints.seen(device=fingerprints.new_device(), address=address)
        fingerprints.record(user_id=user.pk, seen=seen, at=timezone.now())
        answer.set_cookie(
            settings.DEVICE_COOKIE_NAME,
            seen.device,
            max_age=fingerprints.TERM,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
        return answer

    def _suspended(self, request: HttpRequest, user: User) -> HttpResponse:
        clear_login(request)
        return render(
            request,
            "accounts/suspended.html",
            {
                "change": queries.standing_reason(user_id=user.pk),
                "operator": settings.OPERATOR_EMAIL,
            },
            status=403,
        )

    def save_user(
        self,
        request: HttpRequest,
        user: Any,
        form: BaseForm,
        commit: bool = True,  # noqa: FBT001, FBT002 - allauth calls it
    ) -> User:
        """Write a new person whole: account, profile and accepted terms in one transaction."""
        super().save_user(request, user, form, commit=False)
        given = form.cleaned_data
        try:
            return services.join(
                user=user,
                handle=given["handle"],
                display_name=given["display_name"],
                country=given["country"],
                birth_date=given["birth_date"],
                language=translation.get_language_from_request(request),
                time_zone=given["time_zone"],
                terms_id=given["terms_id"],
                at=timezone.now(),
            )
        except (services.HandleTaken, services.UnknownTerms, IntegrityError) as error:
            # Between the form's look and the row somebody else was first.
            words = "Somebody took that handle just now. Choose another and try again."
            messages.error(request, words if isinstance(error, IntegrityError) else str(error))
            raise ImmediateHttpResponse(redirect("account_signup")) from error

    def format_email_subject(self, subject: str) -> str:
        return str(subject)

    def render_mail(
        self,
        template_prefix: str,
        email: str | list[str],
        context: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> EmailMessage:
        """The text as allauth writes it, and the same words in Carat's look."""
        context = {**context, "site_name": settings.SITE_NAME}
        message: EmailMessage = super().render_mail(template_prefix, email, context, headers)
        if isinstance(message, EmailMultiAlternatives) and not message.alternatives:
            words = {"subject": message.subject, "text": message.body, **context}
            message.attach_alternative(render_to_string("emails/words.html", words), "text/html")
        return message


class ServiceAdapter(DefaultOIDCAdapter):
    """Tokens for services, with Carat's scopes."""

    scope_display = {
        "catalogue:read": "Read the gift catalogue",
        "prices:read": "Read prices and rates",
        "limits:read": "Read limits on buying, and how far a consenting fan has used them",
        "balance:read": "Read a consenting fan's balance",
        "refunds:ask": "Ask for refunds for a consenting fan",
        "gift-cards:redeem": "Redeem gift cards for a consenting fan",
        "reviews:read": "Read the reviews of a consenting fan",
        "reviews:appeal": "Appeal against reviews for a consenting fan",
        "gifts:send": "Send gifts for a consenting fan",
        "rooms:read": "Read rooms and their gifts",
        "rooms:manage": "Start and end lives for a consenting creator",
        "earnings:read": "Read creators' earnings",
        "payouts:choose": "Choose for a consenting creator whether payouts go out by themselves",
        "ledger:read": "Read the ledger's seals and rate cards",
    }
