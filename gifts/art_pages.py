"""Artwork of gifts as browsers get it: public, by its content's name, so it never changes."""

from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from gifts.models import GiftArt

FOREVER_S: Final = 31_536_000


@require_safe
@cache_control(public=True, max_age=FOREVER_S, immutable=True)
def moving(_request: HttpRequest, digest: str) -> HttpResponse:
    return _picture(digest, "moving")


@require_safe
@cache_control(public=True, max_age=FOREVER_S, immutable=True)
def still(_request: HttpRequest, digest: str) -> HttpResponse:
    return _picture(digest, "still")


def _picture(digest: str, kind: str) -> HttpResponse:
    found = GiftArt.objects.filter(pk=digest).values_list(kind, flat=True).first()
    if found is None:
        raise Http404
    answer = HttpResponse(bytes(found), content_type="image/webp")
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
