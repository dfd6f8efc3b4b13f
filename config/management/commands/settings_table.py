"""Print the README's table of settings, read from the source of ``config/settings.py``.

A variable's meaning is the comment beside the line that reads it, or right above. The source is
read and not run, so the table is the same wherever it is made.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.core.management.base import BaseCommand

from config import settings as source

TYPES = {
    "str": "text",
    "bool": "true or false",
    "int": "whole number",
    "list": "list, by commas",
    "database": "address",
    "dj_email_url": "address",
}
# Read as text first, to see whether it is there at all.
ADDRESSES = {"DATABASE_URL", "REDIS_URL"}
# What the code works out when a variable is not set.
DEFAULTS = {
    "ALLOWED_HOSTS": "`localhost,127.0.0.1,[::1]`",
    "BROKER_URL": "`REDIS_URL`",
    "CARAT_DATA_DIR": "`.carat` beside `manage.py`",
    "DATABASE_OWNER_URL": "`DATABASE_URL`",
    "DATABASE_URL": "the embedded server",
    "ENCRYPTION_KEYS": "embedded: made once and kept; else required",
    "REDIS_URL": "the embedded server",
    "SECRET_KEY": "embedded: made once and kept; else required",
    "STATIC_ROOT": "`static` in `CARAT_DATA_DIR`",
}


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    kind: str
    default: str
    meaning: str


class Command(BaseCommand):
    help = "Print the README's table of settings."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def handle(self, *_arguments: object, **_options: object) -> None:
        self.stdout.write(table(variables(Path(source.__file__).read_text())))


def table(found: list[Variable]) -> str:
    """Write the variables as a Markdown table."""
    rows = [f"| `{v.name}` | {v.kind} | {v.default} | {v.meaning} |" for v in found]
    return "\n".join(
        ["| variable | type | default | meaning |", "| --- | --- | --- | --- |", *rows]
    )


def variables(code: str) -> list[Variable]:
    """Return the variables that the code reads from ``env``, in its order, each once."""
    lines = code.splitlines()
    found: dict[str, Variable] = {}
    for call in sorted(_reads(ast.parse(code)), key=lambda call: call.lineno):
        assert isinstance(call.func, ast.Attribute)
        name = ast.literal_eval(call.args[0])
        if name not in found:
            kind = "address" if name in ADDRESSES else TYPES[call.func.attr]
            meaning = _comment(lines, call.lineno - 1)
            found[name] = Variable(name, kind, _default(name, call.args[1:]), meaning)
    return list(found.values())


def _reads(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="env"), attr=kind),
                args=[ast.Constant(), *_],
            ) if kind in TYPES:
                yield node


def _default(name: str, arguments: list[ast.expr]) -> str:
    if name in DEFAULTS:
        return DEFAULTS[name]
    value = ast.literal_eval(arguments[0])
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value not in ("", []) else "none"


def _comment(lines: list[str], index: int) -> str:
    """Return the comment at the end of a line, or the lines of comment right above it."""
    beside = lines[index].partition("  # ")[2]
    above: list[str] = []
    while not beside and lines[index - 1].lstrip().startswith("# "):
        index -= 1
        above.insert(0, lines[index].strip().removeprefix("# "))
    words = beside or " ".join(above)
    return words[:1].upper() + words[1:]
