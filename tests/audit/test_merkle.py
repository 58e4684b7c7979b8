"""The Merkle tree against the published vectors, and against RFC 6962's own definitions written out plainly."""

import functools
import hashlib
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from audit import chain, merkle

VECTORS = Path(__file__).parent / "vectors"
RFC: dict[str, Any] = json.loads((VECTORS / "rfc6962.json").read_text())
ARGON: dict[str, Any] = json.loads((VECTORS / "argon2020.json").read_text())

ENTRIES = [f"entry {number}".encode() for number in range(300)]
LEAVES = [chain.leaf_hash(entry) for entry in ENTRIES]
NODES: merkle.Nodes = functools.cache(merkle.nodes_of(LEAVES))


def unhex(texts: Sequence[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


# ----------------------------------------------------------------------------- as RFC 6962, section 2.1, has it
@functools.cache
def mth(start: int, end: int) -> bytes:
    """MTH(D[start:end])."""
    if end == start:
        return hashlib.sha256().digest()
    if end == start + 1:
        return hashlib.sha256(b"\x00" + ENTRIES[start]).digest()
    k = start + largest_power_of_two_below(end - start)
    return hashlib.sha256(b"\x01" + mth(start, k) + mth(k, end)).digest()


def largest_power_of_two_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def path(m: int, start: int, end: int) -> list[bytes]:
    """PATH(m, D[start:end])."""
    if end - start == 1:
        return []
    k = largest_power_of_two_below(end - start)
    if m < k:
        return [*path(m, start, start + k), mth(start + k, end)]
    return [*path(m - k, start + k, end), mth(start, start + k)]


def subproof(m: int, start: int, end: int, b: bool) -> list[bytes]:
    """SUBPROOF(m, D[start:end], b)."""
    if m == end - start:
        return [] if b else [mth(start, end)]
    k = largest_power_of_two_below(end - start)
    if m <= k:
        return [*subproof(m, start, start + k, b), mth(start + k, end)]
    return [*subproof(m - k, start + k, end, False), mth(start, start + k)]


# ----------------------------------------------------------------------------- vectors
def test_the_roots_are_the_published_ones() -> None:
    leaves = [chain.leaf_hash(bytes.fromhex(text)) for text in RFC["leaves"]]
    assert [merkle.root(leaves[:size]) for size in range(9)] == unhex([RFC["empty_root"], *RFC["roots"]])


@pytest.mark.parametrize("vector", RFC["inclusion"], ids=lambda each: f"{each['index']}-of-{each['size']}")
def test_the_inclusion_proofs_are_the_published_ones(vector: dict[str, Any]) -> None:
    leaves = [chain.leaf_hash(bytes.fromhex(text)) for text in RFC["leaves"]]
    index, size, proof = vector["index"], vector["size"], unhex(vector["proof"])
    assert merkle.inclusion_proof(index, size, merkle.nodes_of(leaves)) == proof
    assert merkle.verify_inclusion(leaves[index], index, size, proof, bytes.fromhex(RFC["roots"][size - 1]))


@pytest.mark.parametrize("vector", RFC["consistency"], ids=lambda each: f"{each['old']}-to-{each['new']}")
def test_the_consistency_proofs_are_the_published_ones(vector: dict[str, Any]) -> None:
    leaves = [chain.leaf_hash(bytes.fromhex(text)) for text in RFC["leaves"]]
    old, new, proof = vector["old"], vector["new"], unhex(vector["proof"])
    old_root, new_root = unhex([RFC["roots"][old - 1], RFC["roots"][new - 1]])
    assert merkle.consistency_proof(old, new, merkle.nodes_of(leaves)) == proof
    assert merkle.verify_consistency(old, new, old_root, new_root, proof)


def test_the_proofs_of_a_log_of_961984013_leaves_hold() -> None:
    leaf, root = unhex([ARGON["inclusion"]["leaf"], ARGON["root"]])
    proof = unhex(ARGON["inclusion"]["proof"])
    assert merkle.verify_inclusion(leaf, ARGON["inclusion"]["index"], ARGON["size"], proof, root)
    assert not merkle.verify_inclusion(leaf, ARGON["inclusion"]["index"] + 1, ARGON["size"], proof, root)
    old, old_root = ARGON["consistency"]["old"], bytes.fromhex(ARGON["consistency"]["old_root"])
    proof = unhex(ARGON["consistency"]["proof"])
    assert merkle.verify_consistency(old, ARGON["size"], old_root, root, proof)
    assert not merkle.verify_consistency(old - 1, ARGON["size"], old_root, root, proof)


# ----------------------------------------------------------------------------- every proof of small trees
def check_size(size: int) -> None:
    root = merkle.root(LEAVES[:size])
    assert root == mth(0, size)
    for index in range(size):
        proof = merkle.inclusion_proof(index, size, NODES)
        assert proof == path(index, 0, size)
        assert merkle.verify_inclusion(LEAVES[index], index, size, proof, root)
    for old in range(1, size + 1):
        proof = merkle.consistency_proof(old, size, NODES)
        assert proof == subproof(old, 0, size, True)
        assert merkle.verify_consistency(old, size, mth(0, old), root, proof)


@pytest.mark.parametrize("size", [*range(1, 34), 63, 64, 65, 127, 128, 129, 255, 256, 257, 300])
def test_all_proofs_of_a_tree_are_as_the_rfc_defines_them(size: int) -> None:
    check_size(size)


@pytest.mark.full
def test_all_proofs_of_all_trees_up_to_300_leaves_are_as_the_rfc_defines_them() -> None:
    for size in range(1, 301):
        check_size(size)


def test_nothing_grows_into_anything() -> None:
    root = mth(0, 5)
    assert merkle.consistency_proof(0, 5, NODES) == []
    assert merkle.verify_consistency(0, 5, merkle.EMPTY_ROOT, root, [])
    assert merkle.verify_consistency(0, 0, merkle.EMPTY_ROOT, merkle.EMPTY_ROOT, [])
    assert not merkle.verify_consistency(0, 5, root, root, [])
    assert not merkle.verify_consistency(0, 5, merkle.EMPTY_ROOT, root, [root])
    assert not merkle.verify_consistency(0, 0, root, root, [])
    assert not merkle.verify_consistency(5, 5, root, root, [root])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 5), (5, 5)])
def test_no_leaf_outside_the_tree_is_proved(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="No leaf"):
        merkle.inclusion_proof(index, size, NODES)


@pytest.mark.parametrize(("old", "new"), [(-1, 5), (6, 5)])
def test_no_shrinking_is_proved(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="do not grow"):
        merkle.consistency_proof(old, new, NODES)


# ----------------------------------------------------------------------------- what lies
def flipped(value: bytes, chance: random.Random) -> bytes:
    bit = chance.randrange(len(value) * 8)
    return (int.from_bytes(value) ^ 1 << bit).to_bytes(len(value))


def spoiled(proof: list[bytes], chance: random.Random, other: bytes) -> list[bytes]:
    """The proof with one node changed, dropped, doubled or added, or two swapped; never the same as before."""
    at = chance.randrange(len(proof))
    change = chance.choice(["flip", "drop", "add", "swap", "replace", "shorten"])
    if change == "swap" and len(proof) > 1:
        other_at = (at + chance.randrange(1, len(proof))) % len(proof)
        proof[at], proof[other_at] = proof[other_at], proof[at]
    elif change == "drop":
        del proof[at]
    elif change == "add":
        proof.insert(at, chance.choice([other, *proof]))
    elif change == "replace":
        proof[at] = other
    elif change == "shorten":
        proof[at] = proof[at][:-1]
    else:
        proof[at] = flipped(proof[at], chance)
    return proof


def lying_inclusion(chance: random.Random) -> bool:
    """Whether one false claim of inclusion was believed."""
    size = chance.randrange(2, 301)
    index = chance.randrange(size)
    leaf, root, proof = LEAVES[index], mth(0, size), merkle.inclusion_proof(index, size, NODES)
    match chance.choice(["proof", "proof", "proof", "index", "size", "leaf", "root", "pair"]):
        case "proof":
            proof = spoiled(proof, chance, chance.randbytes(32))
        case "index":
            index = chance.choice([each for each in range(size + 2) if each != index])
        case "size":  # a proof binds the size only by its length; it is the signed checkpoint that binds it
            size = chance.choice([0, index, size * 2])
        case "leaf":
            leaf = chance.choice([flipped(leaf, chance), LEAVES[index - 1], root])
        case "root":
            root = chance.choice([flipped(root, chance), mth(0, size - 1), leaf, merkle.EMPTY_ROOT])
        case "pair":  # an inner node passed off as a leaf
            leaf, proof = merkle.node_hash(leaf, proof[0]), proof[1:]
    return merkle.verify_inclusion(leaf, index, size, proof, root)


def lying_consistency(chance: random.Random) -> bool:
    """Whether one false claim of consistency was believed."""
    new = chance.randrange(2, 301)
    old = chance.randrange(1, new)
    old_root, new_root, proof = mth(0, old), mth(0, new), merkle.consistency_proof(old, new, NODES)
    match chance.choice(["proof", "proof", "proof", "old", "new", "old root", "new root", "roots", "empty"]):
        case "proof":
            proof = spoiled(proof, chance, chance.randbytes(32))
        case "old":
            old = chance.choice([0, new, new + 1, *(each for each in (old - 1, old + 1) if 0 < each < new)])
        case "new":
            new = chance.choice([0, old, old - 1, new * 2])
        case "old root":
            old_root = chance.choice([flipped(old_root, chance), mth(0, old - 1), new_root])
        case "new root":
            new_root = chance.choice([flipped(new_root, chance), mth(0, new - 1), old_root])
        case "roots":
            old_root, new_root = new_root, old_root
        case "empty":
            proof = []
    return merkle.verify_consistency(old, new, old_root, new_root, proof)


@pytest.mark.parametrize("lie", [lying_inclusion, lying_consistency], ids=["inclusion", "consistency"])
def test_no_lie_of_a_thousand_is_believed(lie: Callable[[random.Random], bool]) -> None:
    chance = random.Random(6962)
    assert not any(lie(chance) for _ in range(1_000))


@pytest.mark.full
@pytest.mark.parametrize("lie", [lying_inclusion, lying_consistency], ids=["inclusion", "consistency"])
def test_no_lie_of_fifty_thousand_is_believed(lie: Callable[[random.Random], bool]) -> None:
    chance = random.Random(9162)
    assert not any(lie(chance) for _ in range(50_000))


HASH = bytes(32)
GARBAGE: list[Any] = [None, "", "0" * 64, b"", bytes(31), bytes(33), bytearray(32), -1, 1.0, True, 2**63, 2**5000]
GARBAGE += [[], {}, [HASH], [[HASH]]]


@pytest.mark.parametrize("garbage", GARBAGE, ids=[f"{number}" for number in range(len(GARBAGE))])
@pytest.mark.parametrize(
    ("verify", "good"),
    [
        (merkle.verify_inclusion, [LEAVES[0], 0, 2, [LEAVES[1]], mth(0, 2)]),
        (merkle.verify_consistency, [1, 2, mth(0, 1), mth(0, 2), [LEAVES[1]]]),
    ],
    ids=["inclusion", "consistency"],
)
def test_garbage_is_refused_and_raises_nothing(verify: Callable[..., bool], good: list[Any], garbage: Any) -> None:
    assert verify(*good)
    for at, value in enumerate(good):
        assert not verify(*good[:at], garbage, *good[at + 1 :])
        if isinstance(value, list):
            assert not verify(*good[:at], [garbage], *good[at + 1 :])


# ----------------------------------------------------------------------------- growing
def test_a_tree_goes_on_from_its_bytes() -> None:
    tree, chance = merkle.Tree(), random.Random(1)
    while tree.size < 300:
        tree = merkle.Tree.from_bytes(bytes(tree))
        tree.extend(LEAVES[tree.size : tree.size + chance.randrange(40)])
        assert tree.root() == mth(0, tree.size)
    assert len(bytes(tree)) == 8 + 32 * (300).bit_count()


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 300])
def test_leaves_added_one_by_one_or_at_once_make_the_same_tree(size: int) -> None:
    one_by_one, at_once = merkle.Tree(), merkle.Tree()
    done = [node for leaf in LEAVES[:size] for node in one_by_one.add(leaf)]
    assert at_once.extend(LEAVES[:size]) == done
    assert bytes(at_once) == bytes(one_by_one)
    assert [node.level for node in done] == [8] * (size // 256)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 300])
def test_a_tree_knows_its_subtrees(size: int) -> None:
    tree = merkle.Tree()
    tree.extend(LEAVES[:size])
    subtrees = tree.subtrees()
    assert [node.hash for node in subtrees] == [NODES(node.level, node.index) for node in subtrees]
    assert sum(2**node.level for node in subtrees) == size


def test_parts_hashed_apart_are_joined() -> None:
    whole = merkle.Tree()
    for start in range(0, 300, 64):
        part = merkle.Tree()
        part.extend(LEAVES[start : start + 64])
        for node in part.subtrees():
            whole.add(node.hash, level=node.level)
    assert whole.root() == mth(0, 300)


def test_a_subtree_begins_only_where_one_of_its_size_may() -> None:
    tree = merkle.Tree()
    tree.extend(LEAVES[:3])
    before = bytes(tree)
    with pytest.raises(merkle.Unaligned):
        tree.add(HASH, level=1)
    assert bytes(tree) == before


@pytest.mark.parametrize(
    "data",
    [b"", bytes(7), bytes(9), bytes(8) + HASH, (3).to_bytes(8) + HASH, (1).to_bytes(8) + bytes(33)],
    ids=["nothing", "short", "one-more", "root-of-none", "one-of-two", "long-root"],
)
def test_bytes_that_are_no_tree_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no tree"):
        merkle.Tree.from_bytes(data)


# ----------------------------------------------------------------------------- proofs from what is kept
class Shelf:
    """What a server keeps: the leaves, and one node for 256 of the level below; it notes what is asked for."""

    def __init__(self, size: int) -> None:
        leaves = [hashlib.sha256(number.to_bytes(4)).digest() for number in range(size)]
        self.kept: dict[int, list[bytes]] = {0: leaves, 8: [], 16: []}
        self.asked: list[tuple[int, int, int]] = []
        self.tree = merkle.Tree()
        for node in self.tree.extend(leaves):
            assert node.index == len(self.kept[node.level])
            self.kept[node.level].append(node.hash)

    def read(self, level: int, start: int, end: int) -> list[bytes]:
        self.asked.append((level, start, end))
        return self.kept[level][start:end]


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf(70_000)


def test_one_node_for_256_is_kept(shelf: Shelf) -> None:
    nodes = merkle.nodes_of(shelf.kept[0])
    assert len(shelf.kept[8]) == 273
    assert shelf.kept[8][272] == nodes(8, 272)
    assert shelf.kept[16] == [nodes(16, 0)]


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 65_535, 65_536, 65_537, 69_999, 70_000])
def test_a_proof_reads_little(shelf: Shelf, size: int) -> None:
    """Twice 256 hashes at most from each kept level, each stretch once and none beyond the size asked for."""
    chance, root = random.Random(size), merkle.root(shelf.kept[0][:size])
    for index in {0, size - 1, *(chance.randrange(size) for _ in range(4))}:
        shelf.asked.clear()
        proof = merkle.inclusion_proof(index, size, merkle.nodes_from(shelf.read, size))
        assert merkle.verify_inclusion(shelf.kept[0][index], index, size, proof, root)
        check_asked(shelf, size)
        shelf.asked.clear()
        proof = merkle.consistency_proof(index + 1, size, merkle.nodes_from(shelf.read, size))
        old_root = merkle.root(shelf.kept[0][: index + 1])
        assert merkle.verify_consistency(index + 1, size, old_root, root, proof)
        check_asked(shelf, size)


def check_asked(shelf: Shelf, size: int) -> None:
    assert len(shelf.asked) <= 6
    assert len(set(shelf.asked)) == len(shelf.asked)
    for level, start, end in shelf.asked:
        assert level in {0, 8, 16}
        assert 0 < end - start <= 256
        assert end << level <= size


def test_a_shelf_with_a_gap_proves_nothing(shelf: Shelf) -> None:
    def with_gap(level: int, start: int, end: int) -> list[bytes]:
        return shelf.read(level, start, end)[1:]

    with pytest.raises(LookupError, match="of level 8, 16 are kept"):
        merkle.inclusion_proof(0, 70_000, merkle.nodes_from(with_gap, 70_000))
