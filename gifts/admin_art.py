"""Staff: artwork for gifts. Uploaded and looked at here, before a version puts it on sale."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.admin_deeds import ReadOnlyAdmin, staff_id
from gifts import artwork
from gifts.forms import ArtForm
from gifts.models import GiftArt


@admin.register(GiftArt)
class GiftArtAdmin(ReadOnlyAdmin):
    """Pictures as they will be shown. None is ever changed; a version names the one it wears."""

    list_display = ("name", "shown", "width", "height", "frames", "length_ms", "created_at")
    search_fields = ("name", "=digest")
    list_select_related: ClassVar = ("created_by",)
    ordering = ("-created_at", "pk")
    fields = (
        "name", "preview", "width", "height", "frames", "length_ms", "created_by", "created_at",
        "digest",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[GiftArt]:
        return super().get_queryset(request).defer("moving", "still")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("gifts.add_giftart")

    @admin.display(description="Picture")
    def shown(self, art: GiftArt) -> SafeString:
        return render_to_string("admin/gifts/art_small.html", {"art": art})

    @admin.display(description="As it will be seen")
    def preview(self, art: GiftArt) -> SafeString:
        return render_to_string("admin/gifts/art_preview.html", {"art": art})

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return _upload(request, self)


@permission_required("gifts.add_giftart", raise_exception=True)
def _upload(request: HttpRequest, modeladmin: GiftArtAdmin) -> HttpResponse:
    form = ArtForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        picture = form.cleaned_data["picture"]
        try:
            art = artwork.keep(
                name=form.cleaned_data["name"],
                file_name=picture.name,
                content=picture.read(),
                by_id=staff_id(request),
                at=timezone.now(),
            )
        except artwork.ArtRefused as refusal:
            form.add_error("picture", str(refusal))
        else:
            modeladmin.log_addition(request, art, "Uploaded.")
            modeladmin.message_user(request, f"{art} is kept. Look at it.", messages.SUCCESS)
            return redirect("admin:gifts_giftart_change", art.pk)
    context = {
        **modeladmin.admin_site.each_context(request),
        "title": "Upload artwork",
        "form": form,
        "opts": GiftArt._meta,  # noqa: SLF001
    }
    return TemplateResponse(request, "admin/gifts/upload_art.html", context)
