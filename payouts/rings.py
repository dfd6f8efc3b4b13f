"""Groups whose gifts go round: the strongly connected components of who gives to whom.

Promises: pure, and linear in the number of gifts' directions, however long a ring is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

type Edges = Mapping[int, Sequence[int]]


@dataclass(slots=True)
class _Walk:
    """Tarjan's algorithm (SIAM Journal on Computing 1, 1972), without recursion."""

    edges: Edges
    numbers: dict[int, int] = field(default_factory=dict)
    lowest: dict[int, int] = field(default_factory=dict)
    open: list[int] = field(default_factory=list)
    is_open: set[int] = field(default_factory=set)
    found: list[frozenset[int]] = field(default_factory=list)

    def enter(self, person: int) -> None:
        self.numbers[person] = self.lowest[person] = len(self.numbers)
        self.open.append(person)
        self.is_open.add(person)

    def leave(self, person: int) -> None:
        if self.lowest[person] != self.numbers[person]:
            return
        group = {self.open.pop()}
        while person not in group:
            group.add(self.open.pop())
        self.is_open -= group
        if len(group) > 1:
            self.found.append(frozenset(group))

    def from_(self, root: int) -> None:
        self.enter(root)
        path = [(root, iter(self.edges.get(root, ())))]
        while path:
            person, receivers = path[-1]
            for receiver in receivers:
                if receiver not in self.numbers:
                    self.enter(receiver)
                    path.append((receiver, iter(self.edges.get(receiver, ()))))
                    break
                if receiver in self.is_open:
                    self.lowest[person] = min(self.lowest[person], self.numbers[receiver])
            else:
                path.pop()
                if path:
                    above = path[-1][0]
                    self.lowest[above] = min(self.lowest[above], self.lowest[person])
                self.leave(person)


def rings(pairs: Iterable[tuple[int, int]]) -> list[frozenset[int]]:
    """Find all groups of two and more in which a gift can come back to who gave it."""
    edges: dict[int, list[int]] = {}
    for sender, receiver in pairs:
        edges.setdefault(sender, []).append(receiver)
    walk = _Walk(edges)
    for person in edges:
        if person not in walk.numbers:
            walk.from_(person)
    return walk.found
