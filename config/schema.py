"""The API's description (OpenAPI 3.1): how services sign in, and what every refusal looks like."""

from typing import Any, Final

from allauth.idp.oidc.adapter import get_adapter
from drf_spectacular.extensions import OpenApiAuthenticationExtension

PROBLEM: Final = {
    "type": "object",
    "description": "Why something was refused (RFC 9457). `code` is stable, `detail` is for "
    "people. Some carry facts of their own beside these.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "description": "`urn:carat:problem:` and the code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
REFUSED: Final = {
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
}
METHODS: Final = frozenset({"get", "post", "put", "patch", "delete"})


class ServiceTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "config.api.ServiceAuthentication"
    name = "service"

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        return {self.name: [auto_schema.view.scopes[auto_schema.method]]}

    def get_security_definition(self, _auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "oauth2",
            "flows": {
                "clientCredentials": {
                    "tokenUrl": "/identity/o/api/token",
                    "scopes": {
                        name: str(words) for name, words in get_adapter().scope_display.items()
                    },
                }
            },
        }


def problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say of every operation how it refuses."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    for path in result["paths"].values():
        for method in METHODS & path.keys():
            path[method]["responses"]["4XX"] = REFUSED | {"description": "Refused."}
            path[method]["responses"]["5XX"] = REFUSED | {"description": "Failed; send it again."}
    return result
