"""The staff's queue of reviews: what waits and until when, the signals, and the decision.

Promises: a case is taken and decided by deeds of their own, each asked for the permission to
change reviews; fingerprints show that something is shared, never what it is.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts import queries, reviews
from accounts.admin_deeds import ReadOnlyAdmin, ReadOnlyInline, badge, staff_id
from accounts.models import Block, Fingerprint, GuardianClaim, Report, Review, Verdict
from accounts.review_forms import DecisionForm

TONES = {
    Review.State.OPENED: "warn",
    Review.State.ASSIGNED: "info",
    Review.State.APPEALED: "warn",
    Review.State.DECIDED: "good",
    Review.State.FINAL: "good",
}
REFUSALS = (
    reviews.OwnReview,
    reviews.NotWaiting,
    reviews.AnothersReview,
    reviews.NoReasons,
)


class WaitingFilter(admin.SimpleListFilter):
    title = "clock"
    parameter_name = "clock"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("late", "Past its time"), ("waiting", "Waiting"), ("mine", "In my hands")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Review]) -> QuerySet[Review]:
        match self.value():
            case "late":
                return queryset.filter(due_at__lte=timezone.now())
            case "waiting":
                return queryset.filter(state__in=Review.WAITING)
            case "mine":
                return queryset.filter(state__in=Review.WAITING, assignee_id=request.user.pk)
        return queryset


class VerdictInline(ReadOnlyInline):
    model = Verdict
    fields = ("at", "rule", "is_hit", "reasons", "facts")
    readonly_fields = fields
    verbose_name_plural = "what rules said"


class ReportInline(ReadOnlyInline):
    model = Report
    fields = ("reported_at", "reporter", "place_key", "reason", "words")
    readonly_fields = fields


class GuardianClaimInline(ReadOnlyInline):
    model = GuardianClaim
    fields = ("confirmed_at", "name", "relation", "email", "child_age", "words")
    readonly_fields = fields


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    """The queue, the most urgent first. Nothing is edited: cases are taken and decided."""

    change_form_template = "admin/accounts/review.html"
    list_display = (
        "pk",
        "reason",
        "subject",
        "badge",
        "clock",
        "restricts",
        "assignee",
        "opened_at",
    )
    list_display_links = ("pk", "reason")
    list_filter = (WaitingFilter, "state", "reason", "restricts", "outcome")
    search_fields = ("=id", "subject__handle", "subject__email", "subject_key")
    search_help_text = "Review, the person's handle or email, or what it is about"
    list_select_related = ("subject", "assignee")
    inlines = (VerdictInline, ReportInline, GuardianClaimInline)
    fieldsets: ClassVar = (
        (None, {"fields": ("badge", "clock", "reason", "subject", "subject_key", "assignee")}),
        ("Signals", {"fields": ("panel",)}),
        ("Holds back", {"fields": ("restricts", "restricted_until", "lifted_at", "quiet_until")}),
        (
            "Decision",
            {"fields": ("outcome", "statement", "decided_by", "decided_at", "appeal_until_at")},
        ),
        (
            "Appeal",
            {
                "fields": (
                    "appealed_at",
                    "appeal_words",
                    "final_outcome",
                    "final_statement",
                    "final_by",
                    "final_at",
                )
            },
        ),
        ("When", {"fields": ("opened_at", "decide_by_at", "escalated_at", "story")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        rows: QuerySet[Review] = super().get_queryset(request)
        return rows.order_by(F("due_at").asc(nulls_last=True), "-pk")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:review_id>/take/", wrap(self.take_view), name="accounts_review_take"),
            path("<int:review_id>/decide/", wrap(self.decide_view), name="accounts_review_decide"),
            *super().get_urls(),
        ]

    @admin.display(description="State", ordering="state")
    def badge(self, review: Review) -> str:
        return badge(review.get_state_display(), TONES[Review.State(review.state)])

    @admin.display(description="Clock", ordering="due_at")
    def clock(self, review: Review) -> str:
        """By when staff have something to do, and whether that has passed."""
        is_late = review.due_at is not None and review.due_at <= timezone.now()
        context = {"review": review, "is_late": is_late}
        return render_to_string("admin/accounts/clock.html", context)

    @admin.display(description="What is known")
    def panel(self, review: Review) -> str:
        others = Review.objects.filter(subject_id=review.subject_id).exclude(pk=review.pk)
        context = {
            "review": review,
            "sharing": queries.people_sharing(user_id=review.subject_id),
            "others": others.order_by("-pk")[:10],
        }
        return render_to_string("admin/accounts/signals.html", context)

    @admin.display(description="Story")
    def story(self, review: Review) -> str:
        context = {"moves": queries.moves_of_review(review_id=review.pk)}
        return render_to_string("admin/wallet/moves.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        more = {"may_decide": may_decide(request)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def take_view(self, request: HttpRequest, review_id: int) -> HttpResponse:
        """Take a case in hand."""
        return require_POST(self._take)(request, review_id)

    def _take(self, request: HttpRequest, review_id: int) -> HttpResponse:
        _allowed(request, review_id)
        try:
            taken = reviews.take(review_id=review_id, by_id=staff_id(request), at=timezone.now())
        except REFUSALS as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        else:
            self.log_change(request, taken, "Took it in hand.")
            self.message_user(request, "The review is in your hands.", messages.SUCCESS)
        return redirect("admin:accounts_review_change", review_id)

    def decide_view(self, request: HttpRequest, review_id: int) -> HttpResponse:
        """Decide, with the statement of reasons; what it will do is shown before."""
        review = _allowed(request, review_id)
        form = DecisionForm(request.POST or None, initial={"restricts": review.restricts})
        if request.method == "POST" and form.is_valid() and "confirm" in request.POST:
            try:
                decided = reviews.decide(
                    review_id=review_id,
                    by_id=staff_id(request),
                    **form.cleaned_data,
                    at=timezone.now(),
                )
            except REFUSALS as refusal:
                form.add_error(None, str(refusal))
            else:
                words = f"{decided} is decided, and the person is told."
                self.message_user(request, words, messages.SUCCESS)
                return redirect("admin:accounts_review_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": f"Decide {review}",
            "opts": self.opts,
            "review": review,
            "form": form,
            "effects": _effects(review, form) if form.is_bound and form.is_valid() else None,
        }
        return TemplateResponse(request, "admin/accounts/decide.html", context)


def _effects(review: Review, form: DecisionForm) -> Sequence[str]:
    """Say what the decision will do, before it is made."""
    given = form.cleaned_data
    is_appeal = review.state == Review.State.APPEALED
    if given["outcome"] == Review.Outcome.CLEARED:
        lines = [
            "Nothing is held back any more.",
            f"The same rule does not stop {review.subject} for {reviews.QUIET_DAYS} days.",
            "The review is closed.",
        ]
    else:
        end = (
            f"until {given['until']:%-d %B %Y %H:%M}" if given["until"] else "until further notice"
        )
        lines = [
            f"Held back: {Review.Restriction(given['restricts']).label.lower()}, {end}.",
            "This is our last word." if is_appeal else "The person can appeal to somebody else.",
        ]
    return [*lines, f"{review.subject} reads the statement as it stands below."]


def may_decide(request: HttpRequest) -> bool:
    """Whether this member of staff takes and decides reviews."""
    return request.user.has_perm("accounts.change_review")


def _allowed(request: HttpRequest, review_id: int) -> Review:
    if not may_decide(request):
        raise PermissionDenied
    review = Review.objects.select_related("subject").filter(pk=review_id).first()
    if review is None:
        raise Http404
    return review


@admin.register(Verdict)
class VerdictAdmin(ReadOnlyAdmin):
    list_display = ("at", "subject", "rule", "subject_key", "is_hit", "reasons", "review")
    list_filter = ("rule", "is_hit")
    search_fields = ("subject__handle", "=subject_key")
    list_select_related = ("subject", "review")
    ordering = ("-pk",)


@admin.register(Fingerprint)
class FingerprintAdmin(ReadOnlyAdmin):
    """That people share something; what it is cannot be read back."""

    list_display = ("user", "kind", "name", "first_seen_at", "seen_at", "keep_until")
    list_filter = ("kind",)
    search_fields = ("user__handle",)
    list_select_related = ("user",)
    fields = ("user", "kind", "name", "first_seen_at", "seen_at", "keep_until")
    ordering = ("-pk",)

    @admin.display(description="Shown as")
    def name(self, fingerprint: Fingerprint) -> str:
        return fingerprint.digest[:8]


@admin.register(GuardianClaim)
class GuardianClaimAdmin(ReadOnlyAdmin):
    list_display = ("handle", "about", "name", "relation", "child_age", "made_at", "confirmed_at")
    list_filter = (("confirmed_at", admin.EmptyFieldListFilter), "relation")
    search_fields = ("handle", "email", "name")
    list_select_related = ("about",)
    exclude = ("network",)
    ordering = ("-pk",)


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    list_display = ("reported_at", "reporter", "about", "place_key", "reason", "words", "review")
    list_filter = ("reason",)
    search_fields = ("reporter__handle", "about__handle", "place_key")
    list_select_related = ("reporter", "about", "review")
    ordering = ("-pk",)


@admin.register(Block)
class BlockAdmin(ReadOnlyAdmin):
    list_display = ("blocker", "blocked", "blocked_at")
    search_fields = ("blocker__handle", "blocked__handle")
    list_select_related = ("blocker", "blocked")
    ordering = ("-pk",)
