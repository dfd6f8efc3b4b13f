"""When two written names are the same name: as people, papers and banks write it.

Promises: case, spaces, accents and marks between words make no difference; letters do. What is
compared is never shown.
"""

import unicodedata
from typing import Final

# Letters that Unicode does not take apart, as banks write them without their mark (ISO 20022 allows
# Latin letters without accents in names: EPC217-08, SEPA conversion table, 2024).
_LETTERS: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}
)


def normal(name: str) -> str:
    """Write a name as it is compared: small letters without accents, one space between words."""
    apart = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(sign for sign in apart if not unicodedata.combining(sign))
    words = "".join(
        sign if sign.isalnum() else ("" if sign in "'’`.´" else " ")
        for sign in letters.translate(_LETTERS)
    )
    return " ".join(words.split())
