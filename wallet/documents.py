"""Documents as PDF, made from facts alone.

Promises: no network and no file but our own templates and the operator's fonts; facts reach the
template as data, so nothing that a person or member of staff wrote is ever read as markup; the same
facts give the same bytes. The fonts that come along write Latin, Greek and Cyrillic; others are
read from DOCUMENT_FONTS_DIR.
"""

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal

from django.conf import settings

from wallet.money import money

logger = logging.getLogger(__name__)

TEMPLATES: Final = Path(settings.BASE_DIR) / "templates" / "documents"
# PDF/A-2b, made to be read in decades: the archives' own format (ISO 19005-2:2011).
type Standard = Literal["a-2b"]
STANDARD: Final = "a-2b"
NO_PACKAGES: Final = str(TEMPLATES / "no-packages")  # there is no such folder


class NotPrintable(Exception):
    """A character for which there is no font."""


def receipt_pdf(*, facts: Mapping[str, Any], issued_at: datetime) -> bytes:
    """Write a receipt as a PDF dated when it was issued."""
    return _numbered("receipt.typ", facts=facts, issued_at=issued_at)


def credit_note_pdf(*, facts: Mapping[str, Any], issued_at: datetime) -> bytes:
    """Write a credit note as a PDF dated when it was issued."""
    return _numbered("credit_note.typ", facts=facts, issued_at=issued_at)


def statement_pdf(*, facts: Mapping[str, Any], issued_at: datetime) -> bytes:
    """Write a creator's monthly statement as a PDF dated when it was issued."""
    return _numbered("statement.typ", facts=facts, issued_at=issued_at)


def figure(amount_minor: int, currency: str) -> str:
    """Write an amount with the decimals of its currency, marks at the thousands."""
    return f"{money(amount_minor, currency).amount:,f}"


def check_printable(words: str) -> None:
    """Make sure that there is a font for every character. Raises NotPrintable."""
    try:
        _compile("words.typ", inputs={"words": words}, standard=STANDARD, dated=0)
    except _typst().TypstError as error:
        raise NotPrintable(
            f"Receipts cannot show this: {error}. Put a font that has it into the folder that "
            "DOCUMENT_FONTS_DIR names, or write it in other letters."
        ) from error


def _numbered(template: str, *, facts: Mapping[str, Any], issued_at: datetime) -> bytes:
    """Whoever paid gets their paper: where a font is missing it is made without the archive's
    standard, which refuses boxes in place of letters.
    """
    inputs = {"facts": json.dumps({**facts, "site": settings.SITE_NAME})}
    dated = int(issued_at.timestamp())
    try:
        return _compile(template, inputs=inputs, standard=STANDARD, dated=dated)
    except _typst().TypstError:
        logger.exception("%s is not made to last", facts["number"])
        return _compile(template, inputs=inputs, standard=None, dated=dated)


def _compile(
    template: str, *, inputs: dict[str, str], standard: Standard | None, dated: int
) -> bytes:
    fonts = [Path(settings.DOCUMENT_FONTS_DIR)] if settings.DOCUMENT_FONTS_DIR else []
    pdf: bytes = _typst().compile(
        TEMPLATES / template,
        root=TEMPLATES,
        font_paths=fonts,
        ignore_system_fonts=True,  # the same receipt on every machine
        format="pdf",
        sys_inputs=inputs,
        pdf_standards=standard,
        timestamp=dated,
        package_path=NO_PACKAGES,
        package_cache_path=NO_PACKAGES,
    )
    return pdf


def _typst() -> ModuleType:
    """Load it with the first document: 84 MB of program, 9 MB of each process's memory.

    A web server, beat, or command that only starts needs none of it.
    """
    import typst  # noqa: PLC0415

    return typst
