"""The code as the project's tests read it: its files, its modules, and the layers they are in.

The names of the layers come from the import contract in ``pyproject.toml``, so that there is one
list of them.
"""

import ast
import functools
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
APPS: Final = ("accounts", "wallet", "gifts", "payouts")  # from the bottom; the last two are level
RANKS: Final = {"accounts": 0, "wallet": 1, "gifts": 2, "payouts": 2, "config": 3}


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file."""

    path: str  # from the root, as "wallet/providers/stripe.py"
    code: str

    @property
    def app(self) -> str:
        """Return its top-level package."""
        return self.path.split("/")[0]

    @property
    def layer(self) -> str:
        """Return the name that the contract lists: "providers" for wallet/providers/stripe.py."""
        return self.path.split("/")[1].removesuffix(".py")

    @property
    def tree(self) -> ast.Module:
        """Return it parsed."""
        return _parsed(self.code)


@functools.cache
def _parsed(code: str) -> ast.Module:
    return ast.parse(code)


@functools.cache
def modules(*packages: str) -> list[Module]:
    """Return the product's modules, without migrations."""
    return [
        Module(str(path.relative_to(ROOT)), path.read_text())
        for package in packages or (*APPS, "config")
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" not in path.parts
    ]


def templates() -> list[Path]:
    """Return every template of the product."""
    folders = [ROOT / "templates", *ROOT.glob("*/templates"), *ROOT.glob("config/*/templates")]
    return sorted(path for folder in folders for path in folder.rglob("*.html"))


def layers() -> list[list[str]]:
    """Return the layers inside an app, from the top, as lists of module names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts: list[dict[str, Any]] = project["tool"]["importlinter"]["contracts"]
    inside = next(contract for contract in contracts if contract["id"] == "layers")
    return [re.findall(r"\w+", layer) for layer in inside["layers"]]


def layers_until(name: str) -> set[str]:
    """Return the names of the layers above the one that has ``name``."""
    above: set[str] = set()
    for layer in layers():
        if name in layer:
            return above
        above.update(layer)
    raise LookupError(name)


def layer_of(name: str) -> set[str]:
    """Return the names of the layer that has ``name``."""
    return next(set(layer) for layer in layers() if name in layer)


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield each import's line and what it names: ``from a.b import c`` is ``a.b.c``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield each string that is not a docstring, with its line."""
    quiet = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in quiet:
            yield node.lineno, node.value
