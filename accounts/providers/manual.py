"""Our own staff look at papers: nothing is asked of anybody outside."""

from typing import Final
from uuid import UUID

from accounts.models import MANUAL
from accounts.providers import base


class Manual:
    """The papers are uploaded on a page of ours, and a person decides in the back office."""

    code: str = MANUAL
    label: str = "Send us a picture of your papers"
    is_hosted: bool = False
    WAITING: Final = base.Answer(outcome=base.Outcome.WAITING)

    def start(self, *, reference: UUID, return_url: str) -> base.Begun:
        return base.Begun(provider_ref="", url="")

    def look(self, *, provider_ref: str) -> base.Answer:
        return self.WAITING
