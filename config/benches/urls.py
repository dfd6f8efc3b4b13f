"""The site with three doors more: the least that a door with a token, one without, and one for
signed webhooks can cost.
"""

import hashlib
import hmac
import json
from typing import ClassVar
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import urls as site

handler400, handler404, handler500 = site.handler400, site.handler404, site.handler500


class Floor(APIView):
    """Read JSON, write one row, answer: with the token, scope and throttle of a gift."""

    scopes: ClassVar = {"POST": "gifts:send"}

    def post(self, request: Request) -> Response:
        key = UUID(request.headers["Idempotency-Key"])
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO bench_insert (id, body) VALUES (%s, %s)",
                [key, json.dumps(request.data)],
            )
        return Response({"id": key}, status=201)


@csrf_exempt
def webhook(request: HttpRequest) -> HttpResponse:
    """Look at the signature, write one row, answer."""
    signed = dict(part.split("=", 1) for part in request.headers["Stripe-Signature"].split(","))
    said = signed["t"].encode() + b"." + request.body
    expected = hmac.new(settings.STRIPE_WEBHOOK_SECRET.encode(), said, hashlib.sha256)
    if not hmac.compare_digest(expected.hexdigest(), signed["v1"]):
        return HttpResponse(status=400)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO bench_insert (id, body) VALUES (%s, %s)",
            [uuid4(), request.body.decode()],
        )
    return HttpResponse("Noted", content_type="text/plain")


urlpatterns = [
    *site.urlpatterns,
    path("bench/floor/", Floor.as_view()),
    path("bench/webhook/", webhook),
    path("bench/bare/", Floor.as_view(authentication_classes=[], permission_classes=[])),
]
