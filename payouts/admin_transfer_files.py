"""Staff's door to SEPA files and to what the bank writes back.

Nothing is edited: a file is closed, checked, handed out or dissolved by its services, after showing
what that does. Only who may hand a file to the bank gets its bytes, and each time is written down.
"""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.admin_deeds import ReadOnlyAdmin, ReadOnlyInline
from accounts.models import User
from payouts import bank_files, queries, sepa_batches
from payouts.models import BankFile, BankFileLine, SepaBatch, SepaEntry
from wallet import admin_deeds, ledger

State = SepaBatch.State
REFUSALS = (
    sepa_batches.NothingToSend,
    sepa_batches.BatchNotWaiting,
    sepa_batches.NeedsAnother,
    sepa_batches.FileDiffers,
)


class CloseForm(forms.Form):
    """The id is made with the form, so that sending it twice closes one batch."""

    batch_id = forms.UUIDField(widget=forms.HiddenInput, initial=ledger.new_operation_id)


class NothingForm(forms.Form):
    """Nothing more to say."""


class WhyForm(forms.Form):
    why = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"size": 60}))


class EntryInline(ReadOnlyInline):
    model = SepaEntry
    fields = ("payout", "name", "money", "state", "reason")
    readonly_fields = ("money",)
    ordering = ("payout_id",)


@admin.register(SepaBatch)
class SepaBatchAdmin(admin_deeds.DeedAdmin):
    list_display = (
        "message_id", "state", "transactions", "money", "execution_date", "needs_two", "closed_at",
        "closed_by", "checked_by", "approved_by", "exported_at", "deeds",
    )  # fmt: skip
    list_filter = ("state", "needs_two")
    list_select_related = ("closed_by", "checked_by", "approved_by")
    search_fields = ("=id", "=sha256", "=entries__payout__id")
    ordering = ("-closed_at", "pk")
    exclude = ("file_sealed",)
    readonly_fields: ClassVar = ["message_id", "money", "deeds"]
    inlines = (EntryInline,)

    def get_urls(self) -> list[URLPattern]:
        views = {
            "check": self.check_view,
            "export": self.export_view,
            "dissolve": self.dissolve_view,
            "file": self.file_view,
        }
        own = [
            path(
                f"<uuid:batch_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"payouts_sepabatch_{name}",
            )
            for name, view in views.items()
        ]
        return [*own, *super().get_urls()]

    @admin.display(description="What can be done", empty_value="")
    def deeds(self, batch: SepaBatch) -> SafeString | None:
        names = {
            State.CLOSED: ("check", "export", "dissolve"),
            State.EXPORTED: ("file",),
            State.ANSWERED: ("file",),
        }.get(State(batch.state), ())
        words = {
            "check": "Check",
            "export": "Hand to the bank",
            "dissolve": "Dissolve",
            "file": "Get the file",
        }
        links = [
            (reverse(f"admin:payouts_sepabatch_{name}", args=[batch.pk]), words[name])
            for name in names
            if name != "check" or (batch.needs_two and batch.checked_by_id is None)
        ]
        return format_html_join(" · ", '<a href="{}">{}</a>', links) if links else None

    def deed(self, request: HttpRequest) -> admin_deeds.Deed:
        form = CloseForm(request.POST or None)

        def preview() -> admin_deeds.Preview:
            waiting = queries.waiting_for_file()
            return admin_deeds.Preview(
                [
                    ("Payouts that wait for a file", f"{waiting.payouts:,}"),
                    ("Together", str(waiting.amount)),
                    ("In this file", f"{sepa_batches.BATCH_MAX:,} at most, the oldest first"),
                    ("Then", "They cannot be cancelled, unless the file is dissolved."),
                ],
                is_possible=waiting.payouts > 0,
            )

        def perform() -> str:
            batch = sepa_batches.close_batch(
                batch_id=form.cleaned_data["batch_id"], by=_person(request), at=timezone.now()
            )
            return f"{batch} holds {batch.transactions:,} transfers."

        return admin_deeds.Deed("Close a SEPA file", "Close it", form, preview, perform, REFUSALS)

    def check_view(self, request: HttpRequest, batch_id: UUID) -> HttpResponse:
        """Say as the first of two that a large file may go."""
        batch = self._batch(request, batch_id)

        def perform() -> str:
            sepa_batches.check_batch(batch_id=batch.pk, by=_person(request), at=timezone.now())
            self.log_change(request, batch, f"Checked, SHA-256 {batch.sha256}")
            return "Checked. Another member of staff hands it to the bank."

        return self._do(request, batch, "Check", perform)

    def export_view(self, request: HttpRequest, batch_id: UUID) -> HttpResponse:
        """Hand a file to the bank: its payouts are on their way from then on."""
        batch = self._batch(request, batch_id)

        def perform() -> str:
            sepa_batches.export_batch(batch_id=batch.pk, by=_person(request), at=timezone.now())
            return "It is the bank's now: get the file and upload it there, once."

        return self._do(request, batch, "Hand to the bank", perform)

    def dissolve_view(self, request: HttpRequest, batch_id: UUID) -> HttpResponse:
        """Give up a file that was not handed out: its payouts wait for the next."""
        batch = self._batch(request, batch_id)
        form = WhyForm(request.POST or None)

        def perform() -> str:
            sepa_batches.dissolve_batch(
                batch_id=batch.pk,
                by=_person(request),
                why=form.cleaned_data["why"],
                at=timezone.now(),
            )
            return "Dissolved. Its payouts wait for the next file."

        return self._do(request, batch, "Dissolve", perform, form=form)

    def file_view(self, request: HttpRequest, batch_id: UUID) -> HttpResponse:
        """Give the bytes of a file that was handed over, the same each time."""
        batch = self._batch(request, batch_id)
        if batch.state not in {State.EXPORTED, State.ANSWERED}:
            messages.error(request, "This file has not been let go. Hand it to the bank first.")
            return HttpResponseRedirect(reverse("admin:payouts_sepabatch_changelist"))
        content = sepa_batches.file_of(batch)
        self.log_change(request, batch, f"Got the file, SHA-256 {batch.sha256}")
        response = HttpResponse(content, content_type="application/xml")
        name = f"sepa-{batch.message_id}.xml"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        response.headers["Cache-Control"] = "no-store"
        return response

    def _batch(self, request: HttpRequest, batch_id: UUID) -> SepaBatch:
        if not request.user.has_perm("payouts.change_sepabatch"):
            raise PermissionDenied
        batch = SepaBatch.objects.filter(pk=batch_id).first()
        if batch is None:
            raise Http404
        return batch

    def _do(
        self,
        request: HttpRequest,
        batch: SepaBatch,
        words: str,
        perform: Callable[[], str],
        *,
        form: forms.Form | None = None,
    ) -> HttpResponse:
        preview = admin_deeds.Preview(
            [
                ("File", batch.message_id),
                ("Transfers", f"{batch.transactions:,}"),
                ("Together", str(batch.money)),
                ("To be paid on", str(batch.execution_date)),
                ("SHA-256", batch.sha256),
                ("Checked by", str(batch.checked_by or "nobody")),
            ]
        )
        deed = admin_deeds.Deed(
            f"{words}: {batch}",
            words,
            form or NothingForm(request.POST or None),
            lambda: preview,
            perform,
            REFUSALS,
        )
        return admin_deeds.run(self, request, deed)


@admin.register(SepaEntry)
class SepaEntryAdmin(ReadOnlyAdmin):
    list_display = ("end_to_end_id", "batch", "payout", "name", "money", "state", "reason")
    list_filter = ("state",)
    list_select_related = ("batch", "payout")
    search_fields = ("=payout__id", "=batch__id", "name")
    ordering = ("-pk",)


class LineInline(ReadOnlyInline):
    model = BankFileLine
    fields = ("number", "reference", "status", "reason", "amount_minor", "outcome", "entry")
    ordering = ("number",)


class BankFileForm(forms.Form):
    file = forms.FileField(help_text="A pain.002 or a camt.054, as the bank gave it.")


@admin.register(BankFile)
class BankFileAdmin(admin_deeds.DeedAdmin):
    """Reading a file is safe to repeat, so it is done at once and shown line by line."""

    list_display = ("__str__", "name", "read_at", "read_by", "sha256")
    list_filter = ("kind",)
    list_select_related = ("read_by",)
    search_fields = ("=message_id", "=sha256", "=lines__reference")
    ordering = ("-read_at", "-pk")
    exclude = ("content_sealed",)
    inlines = (LineInline,)

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = BankFileForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data["file"]
            try:
                file = bank_files.read_bank_file(
                    content=given.read(), name=given.name, by=_person(request), at=timezone.now()
                )
            except bank_files.UnreadableFile as refusal:
                form.add_error("file", str(refusal))
            else:
                self._tell(request, file)
                return HttpResponseRedirect(
                    reverse("admin:payouts_bankfile_change", args=[file.pk])
                )
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Read a file of the bank",
            "form": form,
        }
        return TemplateResponse(request, "admin/payouts/bank_file.html", context)

    def _tell(self, request: HttpRequest, file: BankFile) -> None:
        lines = list(file.lines.all())
        troubles = sum(line.outcome in BankFileLine.TROUBLES for line in lines)
        if troubles:
            messages.warning(request, f"{troubles:,} of {len(lines):,} lines need a person.")
        else:
            messages.success(request, f"{len(lines):,} lines read.")


@admin.register(BankFileLine)
class BankFileLineAdmin(ReadOnlyAdmin):
    list_display = ("reference", "file", "number", "status", "reason", "amount_minor", "outcome")
    list_filter = ("outcome", "status")
    list_select_related = ("file",)
    search_fields = ("=reference",)
    ordering = ("-pk",)


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the admin is for people signed in"
    return request.user
