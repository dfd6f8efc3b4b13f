"""Names for what the stand-in makes, with the prefixes of the payment company."""

import secrets
import string
from typing import Final

_SIGNS: Final = string.ascii_letters + string.digits


def new_id(prefix: str, *, length: int = 24) -> str:
    """Return a fresh name such as ``pi_3kX…``."""
    return f"{prefix}_{''.join(secrets.choice(_SIGNS) for _ in range(length))}"
