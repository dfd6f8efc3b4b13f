"""Adapters to payment companies. Each speaks to one; ``base`` says what they all promise.

A payment method names its adapter by dotted path, so a new one needs no change here.
"""

from functools import cache

from django.utils.module_loading import import_string

from wallet.providers import base


@cache
def load(path: str) -> base.Provider:
    """Return the adapter of that dotted path: one for the process, made when first asked for."""
    adapter: base.Provider = import_string(path)()
    return adapter


def takes(path: str, *, rail: str, currency: str) -> bool:
    """Tell whether that adapter offers the rail, in that currency."""
    return any(one.code == rail and one.takes(currency) for one in load(path).rails())
