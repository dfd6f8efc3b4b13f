"""How the payment company says no: the base of its refusals, and their shape on the wire.

Each refusal is defined in the module that raises it; its class says the status and the type.
"""

from typing import Any, ClassVar


class Refused(Exception):
    """The request is answered with an error object and changes nothing."""

    status: ClassVar[int] = 400
    kind: ClassVar[str] = "invalid_request_error"
    # Whether the answer is kept under the idempotency key: only once execution began.
    is_kept: ClassVar[bool] = True

    def __init__(self, message: str, *, code: str = "", param: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param

    def body(self) -> dict[str, Any]:
        """Return the error as the payment company writes it."""
        error = {"message": self.message, "type": self.kind}
        if self.code:
            error |= {"code": self.code}
        if self.param:
            error |= {"param": self.param}
        return {"error": error}
