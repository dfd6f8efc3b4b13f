"""The tests' door to the fault script: which faults, how often, by which seed."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from config.standin import control, faults
from config.standin.models import Json


@control.for_tests
def script(request: HttpRequest, given: Mapping[str, Any]) -> Json:
    """Change the script, or show it and what it did: seed, per_mille, late_ms."""
    if request.method == "POST":
        faults.write_script(
            seed=control.whole(given, "seed", default=0),
            per_mille=_rates(given.get("per_mille", {})),
            late_s=control.whole(given, "late_ms", default=200) / 1000,
        )
    now = faults.current()
    return {
        "seed": now.seed if now else None,
        "per_mille": now.per_mille if now else {},
        "done": faults.done(),
    }


def _rates(given: object) -> dict[faults.Fault, int]:
    if not isinstance(given, dict):
        raise control.Unfit("per_mille must name faults and their rates", param="per_mille")
    known = {fault.value: fault for fault in faults.Fault}
    for name in given:
        if name not in known:
            raise control.Unfit(f"fault must be one of {', '.join(known)}", param="per_mille")
    rates = {known[name]: control.whole(given, name, default=0) for name in given}
    if sum(rates.get(fault, 0) for fault in faults.OF_REQUESTS) > faults.ALL:
        raise control.Unfit("the rates of requests must add up to 1000 at most", param="per_mille")
    return rates
