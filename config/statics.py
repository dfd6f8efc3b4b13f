"""Static files from the site's own process, without an event loop.

servestatic's own middleware is asynchronous alone, so under WSGI Django starts an event loop and
several threads for every request, whatever it asks for. What it knows of files is used here, and a
request that is for none goes on as it came.
"""

from collections.abc import Callable
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse
from servestatic.middleware import ServeStaticMiddleware
from servestatic.storage import CompressedManifestStaticFilesStorage

type Handler = Callable[[HttpRequest], Any]


class HashedFiles(CompressedManifestStaticFilesStorage):
    """Files named by their content; a script's imports name them so too, so none is ever stale."""

    support_js_module_import_aggregation = True


class StaticFile(FileResponse):
    """A file with the headers that servestatic gave it."""

    def set_headers(self, *_args: Any) -> None:
        """Leave them as they are."""


def static_files(get_response: Handler) -> Handler:
    """Answer what names a static file; pass on the rest."""
    files = ServeStaticMiddleware(_never)

    def middleware(request: HttpRequest) -> Any:
        path = request.path_info
        if not path.startswith(files.static_prefix):
            return get_response(request)
        found = files.find_file(path) if files.autorefresh else files.files.get(path)
        return get_response(request) if found is None else _answer(found, request)

    return middleware


async def _never(_request: HttpRequest) -> HttpResponse:
    raise AssertionError("what is no file goes on without servestatic")


def _answer(found: Any, request: HttpRequest) -> HttpResponse | FileResponse:
    made = found.get_response(request.method or "GET", request.META)
    status = int(made.status)
    answer = StaticFile(made.file, status=status) if made.file else HttpResponse(status=status)
    del answer["Content-Type"]
    for name, value in made.headers:
        if value is not None:
            answer[name] = value
    return answer
