"""A creator's tax details: which form, what was certified, and until when it holds."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts import queries as people
from accounts.models import User
from payouts import queries, tax_numbers, taxes
from payouts.models import TaxForm, form_for
from payouts.tax_forms import TaxProfileForm
from wallet import ledger


@login_required
@reauthentication_required
def tax(request: HttpRequest) -> HttpResponse:
    """Certify tax details. Asks for the password again; what is kept is shown masked."""
    assert isinstance(request.user, User), "the page is for people who are signed in"
    person, at = request.user, timezone.now()
    country = str(person.country.code or "")
    asked = form_for(country)
    chosen = TaxForm.W9 if request.GET.get("form") == TaxForm.W9 else asked
    identity = people.latest_identity(user_id=person.pk)
    initial = {
        "profile_id": ledger.new_operation_id(),
        "legal_name": identity.verified_name if identity else "",
        "country": "US" if chosen == TaxForm.W9 else country,
        "tin_country": country,
    }
    form = TaxProfileForm(request.POST or None, form=chosen, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            made = taxes.certify(
                profile_id=form.cleaned_data["profile_id"],
                creator=person,
                declared=form.declared(),
                is_certified=form.cleaned_data["is_certified"],
                at=at,
            )
        except (taxes.TaxRefused, tax_numbers.UnfitNumber) as refusal:
            form.add_error(None, str(refusal))
        else:
            words = f"Certified until {made.valid_until:%-d %B %Y}. We have told you by email."
            messages.success(request, words)
            return redirect("payouts:studio")
    current = queries.tax_profile(creator_id=person.pk)
    context = {
        "form": form,
        "chosen": chosen,
        "asked": asked,
        "current": current,
        "is_valid": current is not None and current.is_valid(at),
        "offers_w9": chosen != TaxForm.W9,
    }
    status = 422 if form.is_bound else 200
    return render(request, "payouts/tax.html", context, status=status)
