"""The site with two doors more: the least that a door with, and one without, a token can cost."""

import json
from typing import ClassVar
from uuid import UUID

from django.db import connection, transaction
from django.urls import path
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


urlpatterns = [
    *site.urlpatterns,
    path("bench/floor/", Floor.as_view()),
    path("bench/bare/", Floor.as_view(authentication_classes=[], permission_classes=[])),
]
