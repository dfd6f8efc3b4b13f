"""What browsers let the pages do: their own stylesheet and pictures, no script, no frame."""

from collections.abc import Mapping
from typing import Final

from django.utils.csp import CSP

CONTENT: Final[Mapping[str, list[str]]] = {
    "default-src": [CSP.NONE],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
}
