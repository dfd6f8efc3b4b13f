"""Health for whoever runs Carat: alive at all, and ready for requests."""

from django.db import DEFAULT_DB_ALIAS, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse


def livez(_request: HttpRequest) -> HttpResponse:
    """The process answers. Nothing else is looked at."""
    return HttpResponse("ok", content_type="text/plain")


def readyz(_request: HttpRequest) -> HttpResponse:
    """The database answers and has this code's migrations. Valkey is not needed to be ready."""
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except OperationalError:
        return HttpResponse("the database does not answer", status=503, content_type="text/plain")
    if waiting:
        return HttpResponse(
            f"{len(waiting)} migrations wait on {DEFAULT_DB_ALIAS}: run manage.py migrate",
            status=503,
            content_type="text/plain",
        )
    return HttpResponse("ok", content_type="text/plain")
