"""Follow value through the books: from a payment to diamonds, and back."""

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from wallet import traces


class Command(BaseCommand):
    """Print the tree of one purchase, operation or creator."""

    help = "Trace a purchase to the diamonds it became, an operation, or a creator's diamonds back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=("purchase", "operation", "creator"))
        parser.add_argument("id", help="a purchase's or operation's UUID, or a creator's number")
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument("--limit", type=int, default=traces.LIMIT, help="gifts shown a branch")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            node = _trace(options["kind"], options["id"], limit=options["limit"])
        except (ValueError, traces.NotFound) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(node.as_json(), indent=2))
            return
        console = Console(file=self.stdout, soft_wrap=True)  # type: ignore[arg-type]
        console.print(_tree(node))


def _trace(kind: str, key: str, *, limit: int) -> traces.Node:
    if kind == "creator":
        return traces.creator(int(key), limit=limit)
    if kind == "purchase":
        return traces.purchase(UUID(key), limit=limit)
    return traces.operation(UUID(key), limit=limit)


def _tree(node: traces.Node) -> Tree:
    tree = Tree(escape(node.words))
    for child in node.children:
        tree.add(_tree(child))
    return tree
