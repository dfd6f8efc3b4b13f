"""The staff's desk of identity checks: the queue, access to papers by two people, the decision.

Promises: who asks to see papers and who lets them are two people with two permissions; a paper is
sent to nobody's page but theirs who may see it now, never run by the browser, and each time leaves
a row; name and birth date are typed from the paper, not confirmed from a screen.
"""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, F, OrderBy, QuerySet, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.csp import CSP, build_policy
from django.views.decorators.http import require_GET, require_POST

from accounts import identity, papers, queries
from accounts.admin_deeds import ReadOnlyAdmin, badge, staff_id
from accounts.identity_forms import AccessForm, ApproveForm, WhyForm
from accounts.models import IdentityCheck, IdentityPaper, PaperAccess, PaperView

State = IdentityCheck.State
TONES = {
    State.ASKED: "",
    State.SUBMITTED: "warn",
    State.APPROVED: "good",
    State.DECLINED: "bad",
    State.EXPIRED: "",
}
REFUSALS = (identity.IdentityRefused, papers.AccessRefused)
# Whatever is in a paper, the browser runs none of it.
POLICY = build_policy({"default-src": [CSP.NONE], "sandbox": ["allow-downloads"]})


@admin.register(IdentityCheck)
class IdentityCheckAdmin(ReadOnlyAdmin):
    """The queue, the longest waiting first. Nothing is edited: checks are decided."""

    change_form_template = "admin/accounts/identity.html"
    list_display = ("person", "badge", "adapter", "submitted_at", "decided_at", "decided_by")
    list_filter = ("state", "adapter")
    search_fields = ("person__handle", "person__email", "=id", "provider_ref")
    list_select_related = ("person", "decided_by")
    fields = (
        "person",
        "badge",
        "adapter",
        "provider_ref",
        "birth_date",
        "why",
        "asked_at",
        "submitted_at",
        "decided_at",
        "decided_by",
        "story",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[IdentityCheck]:
        rows: QuerySet[IdentityCheck] = super().get_queryset(request)
        waiting = Case(When(state=State.SUBMITTED, then=F("submitted_at")))
        return rows.order_by(OrderBy(waiting, nulls_last=True), "-asked_at", "pk")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        doors: dict[str, Callable[..., HttpResponse]] = {
            "ask": require_POST(self.ask_view),
            "answer": require_POST(self.answer_view),
            "paper": require_GET(self.paper_view),
            "decide": self.decide_view,
            "end": self.end_view,
        }
        return [
            path(f"<uuid:given>/{name}/", wrap(door), name=f"accounts_identity_{name}")
            for name, door in doors.items()
        ] + super().get_urls()

    @admin.display(description="State", ordering="state")
    def badge(self, check: IdentityCheck) -> str:
        return badge(check.get_state_display(), TONES[State(check.state)])

    @admin.display(description="Story")
    def story(self, check: IdentityCheck) -> str:
        moves = queries.moves_of(subject_type="accounts.identitycheck", subject_id=str(check.pk))
        return render_to_string("admin/wallet/moves.html", {"moves": moves})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        check = _check_or_404(object_id)
        at, me = timezone.now(), staff_id(request)
        accesses = list(check.accesses.select_related("by", "granted_by").order_by("-pk"))
        more = {
            "check": check,
            "papers": check.papers.defer("sealed").order_by("uploaded_at", "kind"),
            "accesses": [(access, access.is_open(at)) for access in accesses],
            "views": PaperView.objects.filter(access__check_of=check)
            .select_related("by", "paper")
            .defer("paper__sealed")
            .order_by("-pk"),
            "may_see_now": any(row.is_open(at) and row.by_id == me for row in accesses),
            "may_ask": request.user.has_perm("accounts.ask_papers"),
            "may_grant": request.user.has_perm("accounts.grant_papers"),
            "may_decide": request.user.has_perm("accounts.decide_identity"),
            "access_form": AccessForm(),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    # Access to papers

    def ask_view(self, request: HttpRequest, given: UUID) -> HttpResponse:
        """Ask to see the papers of a check."""
        _need(request, "accounts.ask_papers")
        form = AccessForm(request.POST)
        if not form.is_valid():
            self.message_user(request, str(form.errors["reason"][0]), messages.ERROR)
            return self._back(given)
        return self._done(
            request,
            given,
            lambda: papers.ask_access(
                check_id=given,
                by_id=staff_id(request),
                reason=form.cleaned_data["reason"],
                at=timezone.now(),
            ),
            "Asked. A colleague of finance or an administrator answers.",
        )

    def answer_view(self, request: HttpRequest, given: UUID) -> HttpResponse:
        """Let a colleague see the papers, or not."""
        _need(request, "accounts.grant_papers")
        asked = request.POST.get("access", "")
        access = PaperAccess.objects.filter(
            pk=int(asked) if asked.isdecimal() else 0, check_of=given
        ).first()
        if access is None:
            raise Http404
        at, me = timezone.now(), staff_id(request)
        if request.POST.get("grant"):
            return self._done(
                request,
                given,
                lambda: papers.grant_access(access_id=access.pk, by_id=me, at=at),
                f"{access.by} may see the papers for an hour.",
            )
        return self._done(
            request,
            given,
            lambda: papers.refuse_access(access_id=access.pk, by_id=me, why="Refused", at=at),
            "Refused.",
        )

    def paper_view(self, request: HttpRequest, given: UUID) -> HttpResponse:
        """Send one paper to who may see it now; a PDF is saved, never shown."""
        _need(request, "accounts.ask_papers")
        try:
            paper, content = papers.look(paper_id=given, by_id=staff_id(request), at=timezone.now())
        except papers.NoAccess as refusal:
            raise PermissionDenied(str(refusal)) from refusal
        return _sent(paper, content)

    # Decisions

    def decide_view(self, request: HttpRequest, given: UUID) -> HttpResponse:
        """Approve what the papers say, or decline with words."""
        _need(request, "accounts.decide_identity")
        check = _check_or_404(given)
        is_approving = request.POST.get("do") == "approve"
        is_declining = request.POST.get("do") == "decline"
        approve = ApproveForm(request.POST if is_approving else None)
        decline = WhyForm(request.POST if is_declining else None)
        form: forms.Form = approve if is_approving else decline
        if request.method == "POST" and form.is_valid():
            try:
                decided = self._decide(request, check, is_approving=is_approving, form=form)
            except identity.IdentityRefused as refusal:
                form.add_error(None, str(refusal))
            else:
                words = f"{decided}: {decided.get_state_display().lower()}. The person is told."
                self.message_user(request, words, messages.SUCCESS)
                return self._back(given)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Decide about {check.person}",
            "opts": self.opts,
            "check": check,
            "approve": approve,
            "decline": decline,
        }
        status = 422 if request.method == "POST" else 200
        return TemplateResponse(
            request, "admin/accounts/identity_decide.html", context, status=status
        )

    def _decide(
        self, request: HttpRequest, check: IdentityCheck, *, is_approving: bool, form: forms.Form
    ) -> IdentityCheck:
        at, me = timezone.now(), staff_id(request)
        if is_approving:
            return identity.approve(check_id=check.pk, by_id=me, **form.cleaned_data, at=at)
        return identity.decline(check_id=check.pk, by_id=me, **form.cleaned_data, at=at)

    def end_view(self, request: HttpRequest, given: UUID) -> HttpResponse:
        """Let a verification hold no more."""
        _need(request, "accounts.decide_identity")
        check = _check_or_404(given)
        form = WhyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return self._done(
                request,
                given,
                lambda: identity.end(
                    check_id=given, by_id=staff_id(request), **form.cleaned_data, at=timezone.now()
                ),
                "Ended. The person is asked to verify again.",
            )
        context = {
            **self.admin_site.each_context(request),
            "title": f"Ask {check.person} to verify again",
            "opts": self.opts,
            "check": check,
            "decline": form,
            "is_end": True,
        }
        return TemplateResponse(request, "admin/accounts/identity_decide.html", context)

    def _done(
        self, request: HttpRequest, check_id: UUID, deed: Callable[[], object], words: str
    ) -> HttpResponse:
        try:
            deed()
        except REFUSALS as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        except IdentityCheck.DoesNotExist:
            raise Http404 from None
        else:
            self.message_user(request, words, messages.SUCCESS)
        return self._back(check_id)

    def _back(self, check_id: UUID) -> HttpResponse:
        return redirect("admin:accounts_identitycheck_change", check_id)


def _sent(paper: IdentityPaper, content: bytes) -> HttpResponse:
    is_picture = paper.content_type.startswith("image/")
    answer = HttpResponse(content, content_type=paper.content_type)
    name = f"{paper.kind}.{'jpg' if is_picture else 'pdf'}"
    shown = "inline" if is_picture else "attachment"
    answer["Content-Disposition"] = f'{shown}; filename="{name}"'
    answer["Content-Security-Policy"] = POLICY
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "no-store"
    return answer


def _check_or_404(given: object) -> IdentityCheck:
    try:
        return IdentityCheck.objects.select_related("person").get(pk=UUID(str(given)))
    except (ValueError, IdentityCheck.DoesNotExist):
        raise Http404 from None


def _need(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


@admin.register(PaperAccess)
class PaperAccessAdmin(ReadOnlyAdmin):
    """Who asked to see papers, who let them, and until when."""

    list_display = ("asked_at", "check_of", "by", "reason", "state", "granted_by", "ends_at")
    list_filter = ("state",)
    search_fields = ("by__handle", "granted_by__handle", "check_of__person__handle")
    list_select_related: ClassVar = ("by", "granted_by", "check_of")
    ordering = ("-pk",)


@admin.register(PaperView)
class PaperViewAdmin(ReadOnlyAdmin):
    """Every look at every paper."""

    list_display = ("at", "by", "paper", "why", "access")
    search_fields = ("by__handle", "paper__check_of__person__handle")
    list_select_related: ClassVar = ("by", "paper", "access")
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaperView]:
        return super().get_queryset(request).defer("paper__sealed")
