"""Reads the form-encoded, bracketed parameters of the payment company's API.

Every parameter must be asked for: ``finish`` refuses what nobody read, as the real API does, so a
misspelt name cannot pass unseen.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self
from urllib.parse import parse_qsl

from config.standin import refusals

_FIELDS_MAX: Final = 1000
_DEPTH_MAX: Final = 6
_KEY: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART: Final = re.compile(r"\[([^\[\]]*)\]")

# docs.stripe.com/api/metadata: "up to 50 keys", 40 and 500 characters.
METADATA_KEYS_MAX: Final = 50
METADATA_KEY_LENGTH_MAX: Final = 40
METADATA_VALUE_LENGTH_MAX: Final = 500


class ParameterRefused(refusals.Refused):
    """A parameter is missing, unknown or of the wrong kind; execution never began."""

    is_kept = False


class Parameters:
    """The parameters at one level of a request, each read once by name."""

    def __init__(self, values: Mapping[str, Any], *, path: str = "") -> None:
        self._values = values
        self._path = path
        self._read: set[str] = set()
        self._children: list[Parameters] = []

    @classmethod
    def parse(cls, encoded: str) -> Self:
        """Parse a query string or a form-encoded body. Raises ParameterRefused."""
        try:
            pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=_FIELDS_MAX)
        except ValueError as error:
            raise ParameterRefused("There are too many parameters.") from error
        tree: dict[str, Any] = {}
        for key, value in pairs:
            _plant(tree, key, value)
        return cls({key: _settle(value) for key, value in tree.items()})

    @property
    def values(self) -> Mapping[str, Any]:
        """Everything given, as nested mappings and lists."""
        return self._values

    def name(self, key: str) -> str:
        """Return the full name of a parameter, as it stands in the request."""
        return f"{self._path}[{key}]" if self._path else key

    def text(
        self, key: str, *, is_required: bool = False, length_max: int = 5000, default: str = ""
    ) -> str:
        value = self._take(key)
        if value is None or value == "":
            if is_required:
                self._refuse_missing(key)
            return default
        if not isinstance(value, str):
            raise ParameterRefused(f"Invalid string: {value!r}", param=self.name(key))
        if len(value) > length_max:
            raise ParameterRefused(
                f"Invalid string: {value[:9]}...; must be at most {length_max} characters",
                param=self.name(key),
            )
        return value

    def choice(self, key: str, allowed: Iterable[str], *, default: str = "") -> str:
        value = self.text(key, is_required=not default, default=default)
        names = tuple(allowed)
        if value not in names:
            raise ParameterRefused(
                f"Invalid {self.name(key)}: must be one of {', '.join(names)}",
                param=self.name(key),
            )
        return value

    def whole(
        self, key: str, *, minimum: int = 0, maximum: int = 10**15, is_required: bool = False
    ) -> int | None:
        value = self.text(key, is_required=is_required)
        if value == "":
            return None
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise ParameterRefused(
                f"Invalid integer: {value}", code="parameter_invalid_integer", param=self.name(key)
            )
        number = int(value)
        if number < minimum:
            raise ParameterRefused(
                f"This value must be greater than or equal to {minimum}.",
                code="parameter_invalid_integer",
                param=self.name(key),
            )
        if number > maximum:
            raise ParameterRefused(
                f"This value must be less than or equal to {maximum}.",
                code="parameter_invalid_integer",
                param=self.name(key),
            )
        return number

    def truth(self, key: str) -> bool | None:
        value = self.text(key)
        if value not in ("", "true", "false"):
            raise ParameterRefused(f"Invalid boolean: {value}", param=self.name(key))
        return None if value == "" else value == "true"

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._take(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ParameterRefused("Invalid array", param=self.name(key))
        return tuple(value)

    def metadata(self, key: str) -> dict[str, str]:
        """Read a set of the merchant's own notes, within the limits of the real API."""
        value = self._take(key)
        if value is None or value == "":
            return {}
        if isinstance(value, list):  # keys 0, 1, 2 are names here
            value = {str(place): note for place, note in enumerate(value)}
        if not isinstance(value, dict):
            raise ParameterRefused("Invalid object", param=self.name(key))
        if len(value) > METADATA_KEYS_MAX:
            raise ParameterRefused(
                f"Metadata can have up to {METADATA_KEYS_MAX} keys.", param=self.name(key)
            )
        for name, note in value.items():
            if not isinstance(note, str) or len(note) > METADATA_VALUE_LENGTH_MAX:
                raise ParameterRefused(
                    f"Metadata values can have up to {METADATA_VALUE_LENGTH_MAX} characters.",
                    param=f"{self.name(key)}[{name}]",
                )
            if len(name) > METADATA_KEY_LENGTH_MAX:
                raise ParameterRefused(
                    f"Metadata keys can have up to {METADATA_KEY_LENGTH_MAX} characters.",
                    param=self.name(key),
                )
        return {name: note for name, note in value.items() if note != ""}

    def nested(self, key: str) -> "Parameters":
        """Return the parameters below ``key``; empty when there are none."""
        value = self._take(key)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise ParameterRefused("Invalid object", param=self.name(key))
        return self._child(value, self.name(key))

    def items(self, key: str) -> list["Parameters"]:
        """Return the parameters of each member of the array ``key``."""
        value = self._take(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise ParameterRefused("Invalid array", param=self.name(key))
        return [self._child(item, f"{self.name(key)}[{i}]") for i, item in enumerate(value)]

    def has(self, key: str) -> bool:
        return key in self._values

    def finish(self) -> None:
        """Refuse the first parameter that nobody read. Raises ParameterRefused."""
        for key in self._values:
            if key not in self._read:
                raise ParameterRefused(
                    f"Received unknown parameter: {self.name(key)}",
                    code="parameter_unknown",
                    param=self.name(key),
                )
        for child in self._children:
            child.finish()

    def _take(self, key: str) -> Any:
        self._read.add(key)
        return self._values.get(key)

    def _child(self, values: Mapping[str, Any], path: str) -> "Parameters":
        child = Parameters(values, path=path)
        self._children.append(child)
        return child

    def _refuse_missing(self, key: str) -> None:
        raise ParameterRefused(
            f"Missing required param: {self.name(key)}.",
            code="parameter_missing",
            param=self.name(key),
        )


def _plant(tree: dict[str, Any], key: str, value: str) -> None:
    """Put one ``a[b][0]=value`` into the tree; an empty bracket is the next place of an array."""
    match = _KEY.fullmatch(key)
    parts = [match[1], *_PART.findall(match[2])] if match else []
    if not parts or len(parts) > _DEPTH_MAX:
        raise ParameterRefused(f"Invalid parameter name: {key[:60]}", param=key[:60])
    place = tree
    for part in parts[:-1]:
        name = part or str(len(place))
        below = place.setdefault(name, {})
        if not isinstance(below, dict):
            raise ParameterRefused("Invalid object", param=key)
        place = below
    last = parts[-1] or str(len(place))
    if last in place:
        raise ParameterRefused(f"The parameter {key} was given twice.", param=key)
    place[last] = value


def _settle(value: Any) -> Any:
    """Turn mappings whose keys are 0, 1, 2, … into lists."""
    if not isinstance(value, dict):
        return value
    settled = {key: _settle(below) for key, below in value.items()}
    if settled and set(settled) == {str(place) for place in range(len(settled))}:
        return [settled[str(place)] for place in range(len(settled))]
    return settled
