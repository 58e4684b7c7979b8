"""The Merkle tree over a log's entries, and proofs about it that anybody can check (RFC 6962, section 2.1). Pure.

A leaf is the hash of an entry (`chain.leaf_hash`); an inner node is SHA-256(0x01 || left || right). The node
(level, index) is the root over the 2**level leaves from index * 2**level on; it never changes once they are there.
So it is enough to keep the nodes of levels 8, 16, 24 ...: one hash for 256 entries. The nodes between two kept levels
are computed from at most 256 hashes, and a proof takes two such reads for each kept level, the leaves included.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
HASH_BYTES: Final = 32
#: A proof about more leaves than this is refused.
GREATEST_SIZE: Final = 2**63 - 1
#: Every so many levels the nodes are worth keeping.
KEPT: Final = 8
TILE: Final = 2**KEPT

#: Gives the node (level, index).
Nodes = Callable[[int, int], bytes]
#: Gives what is kept at a level, from one index to before another; level 0 holds the leaves.
Kept = Callable[[int, int, int], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Node:
    """The root over the 2**level leaves from index * 2**level on."""

    level: int
    index: int
    hash: bytes


class Unaligned(ValueError):
    """A subtree was added where none of its size may begin."""


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over some leaves."""
    tree = Tree()
    tree.extend(leaves)
    return tree.root()


# ----------------------------------------------------------------------------- growing
class Tree:
    """A tree that grows at its end: its size, and the roots of the perfect subtrees it is made of, greatest first.

    That is all that is needed to go on, and as bytes it is short: 8 for the size and 32 for each bit set in it.
    """

    __slots__ = ("_roots", "size")

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    def __bytes__(self) -> bytes:
        return self.size.to_bytes(8) + b"".join(self._roots)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The tree that was kept; its root still has to be compared with one that was signed."""
        tree = cls()
        tree.size = int.from_bytes(data[:8])
        tree._roots = [data[start : start + HASH_BYTES] for start in range(8, len(data), HASH_BYTES)]
        if len(data) != 8 + HASH_BYTES * tree.size.bit_count():
            raise ValueError("These bytes are no tree.")
        return tree

    def root(self) -> bytes:
        if not self._roots:
            return EMPTY_ROOT
        right = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            right = node_hash(left, right)
        return right

    def subtrees(self) -> list[Node]:
        """The perfect subtrees it is made of, greatest first."""
        levels = [level for level in reversed(range(self.size.bit_length())) if self.size >> level & 1]
        return [Node(level, (self.size >> level) - 1, each) for level, each in zip(levels, self._roots, strict=True)]

    def extend(self, leaves: Iterable[bytes]) -> list[Node]:
        """Add leaves at the end. Returns the nodes to keep that are now complete."""
        leaves, start, done = list(leaves), 0, []
        while start < len(leaves):
            if self.size % TILE == 0 and start + TILE <= len(leaves):
                done += self.add(perfect_root(leaves[start : start + TILE]), level=KEPT)
                start += TILE
            else:
                done += self.add(leaves[start])
                start += 1
        return done

    def add(self, subtree: bytes, *, level: int = 0) -> list[Node]:
        """Add one perfect subtree of 2**level leaves, by its root. Returns the nodes to keep that are now complete.

        Parts of a log can so be hashed apart, each from a multiple of 2**level on, and be joined here in order.
        """
        index, rest = divmod(self.size, 1 << level)
        if rest:
            raise Unaligned(f"A subtree of 2**{level} leaves cannot begin at leaf {self.size}.")
        self.size += 1 << level
        done = []
        while True:
            if level and level % KEPT == 0:
                done.append(Node(level, index, subtree))
            if index % 2 == 0:
                break
            subtree = node_hash(self._roots.pop(), subtree)
            level, index = level + 1, index // 2
        self._roots.append(subtree)
        return done


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root over 1, 2, 4, 8 ... hashes."""
    while len(hashes) > 1:
        hashes = [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


# ----------------------------------------------------------------------------- reading
def nodes_of(leaves: Sequence[bytes]) -> Nodes:
    """The nodes over leaves that are all at hand."""
    return lambda level, index: perfect_root(leaves[index << level : (index + 1) << level])


def nodes_from(kept: Kept, size: int) -> Nodes:
    """The nodes of a tree of `size` leaves of which only every eighth level is kept.

    `kept` is asked for at most 256 hashes at once, each stretch once, and only for such as such a tree has.
    """
    tiles: dict[tuple[int, int], Sequence[bytes]] = {}

    def node(level: int, index: int) -> bytes:
        above = level % KEPT
        base, first = level - above, index << above
        number = first // TILE
        start, end = number * TILE, min((number + 1) * TILE, size >> base)
        tile = tiles.get((base, number))
        if tile is None:
            tile = tiles[base, number] = kept(base, start, end)
            if len(tile) != end - start:
                raise LookupError(f"Of the nodes {start} to {end - 1} of level {base}, {len(tile)} are kept.")
        return perfect_root(tile[first - start : first - start + (1 << above)])

    return node


# ----------------------------------------------------------------------------- proving
def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """The hashes that lead from one leaf to the root over the first `size` (RFC 6962, section 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"No leaf {index} is among the first {size}.")
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _greatest_perfect(end - start)
        if index < middle:
            path.append(_root_between(middle, end, nodes))
            end = middle
        else:
            path.append(_root_between(start, middle, nodes))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """The hashes that show the first `old` of `new` leaves to be those of before (RFC 6962, section 2.1.2).

    Nothing needs to be shown of no leaves, nor of as many; the proof is empty then.
    """
    if not 0 <= old <= new:
        raise ValueError(f"{old} leaves do not grow to {new}.")
    path, start, end = [], 0, new
    while old and end != old:
        middle = start + _greatest_perfect(end - start)
        if old <= middle:
            path.append(_root_between(middle, end, nodes))
            end = middle
        else:
            path.append(_root_between(start, middle, nodes))
            start = middle
    if start:
        path.append(_root_between(start, end, nodes))
    return path[::-1]


def _greatest_perfect(count: int) -> int:
    """How many leaves stand left of a root over `count`: the greatest power of two below it."""
    return 1 << (count - 1).bit_length() - 1


def _root_between(start: int, end: int, nodes: Nodes) -> bytes:
    """The root over a stretch of leaves that begins where a subtree of its size may."""
    count = end - start
    if count.bit_count() == 1:
        level = count.bit_length() - 1
        return nodes(level, start >> level)
    middle = start + _greatest_perfect(count)
    return node_hash(_root_between(start, middle, nodes), _root_between(middle, end, nodes))


# ----------------------------------------------------------------------------- checking
def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` stands at `index`, from 0, among the leaves under `root` (RFC 9162, section 2.1.3.2).

    Whatever is handed over, the answer is yes or no.
    """
    if not (_is_size(index) and _is_size(size) and index < size and _are_hashes(leaf, root) and _is_proof(proof)):
        return False
    first, last, reached = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return False
        if first & 1 or first == last:
            reached = node_hash(each, reached)
            first, last = _past_single_nodes(first, last)
        else:
            reached = node_hash(reached, each)
        first, last = first >> 1, last >> 1
    return last == 0 and reached == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree under `new_root` begins with the one under `old_root` (RFC 9162, section 2.1.4.2).

    Whatever is handed over, the answer is yes or no.
    """
    if not (_is_size(old) and _is_size(new) and old <= new and _are_hashes(old_root, new_root) and _is_proof(proof)):
        return False
    if old == 0 and old_root != EMPTY_ROOT:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0 or not proof:
        return old == 0 and not proof
    steps = list(proof) if old.bit_count() > 1 else [old_root, *proof]
    first, last = _past_ones(old - 1, new - 1)
    reached_old = reached_new = steps[0]
    for each in steps[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            reached_old, reached_new = node_hash(each, reached_old), node_hash(each, reached_new)
            first, last = _past_single_nodes(first, last)
        else:
            reached_new = node_hash(reached_new, each)
        first, last = first >> 1, last >> 1
    return last == 0 and reached_old == old_root and reached_new == new_root


def _past_single_nodes(first: int, last: int) -> tuple[int, int]:
    """Up to the level on which the node has a sibling at its left."""
    while not first & 1 and first:
        first, last = first >> 1, last >> 1
    return first, last


def _past_ones(first: int, last: int) -> tuple[int, int]:
    """Up to the level on which the old tree's last subtree is a whole node."""
    while first & 1:
        first, last = first >> 1, last >> 1
    return first, last


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value <= GREATEST_SIZE


def _are_hashes(*values: Any) -> bool:
    return all(type(value) is bytes and len(value) == HASH_BYTES for value in values)


def _is_proof(proof: Any) -> bool:
    return isinstance(proof, list | tuple) and _are_hashes(*proof)
