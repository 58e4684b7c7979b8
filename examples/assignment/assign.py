"""Which variant a session is served, without asking the server. Standard library only.

python3 assign.py vectors.json     checks this file against the vectors

The part to copy: `assigned`, `point`, `served`, and their two imports, `sha256` and `log`.
"""

import json
import sys
from hashlib import sha256
from math import log
from pathlib import Path


def assigned(deployment_id: str, weights: dict[str, int], session_id: str) -> str:
    """The id of the variant that is served; `weights` is {variant id: weight}."""
    return served(weights, {each: point(deployment_id, each, session_id) for each in weights})


def point(deployment_id: str, variant_id: str, session_id: str) -> int:
    """`h`: the first 52 bits of the hash."""
    digest = sha256(f"{deployment_id}:{variant_id}:{session_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 12


def served(weights: dict[str, int], points: dict[str, int]) -> str:
    """The variant with the greatest score; `max` keeps the first of equal ones, here the smaller id."""
    with_weight = sorted(each for each in weights if weights[each] > 0)
    return max(with_weight, key=lambda each: -weights[each] / log((points[each] + 0.5) / 2**52))


def main(path: str) -> None:
    """Compares each vector of the file; the first one that differs ends the run with exit code 1."""
    vectors = json.loads(Path(path).read_text(encoding="utf-8"))["vectors"]
    for number, vector in enumerate(vectors):
        deployment, session = vector["deploymentId"], vector["sessionId"]
        weights = {each["id"]: each["weight"] for each in vector["variants"]}
        h = {each: point(deployment, each, session) for each in weights}
        found = {"h": h, "served": assigned(deployment, weights, session)}
        expected = {"h": {each["id"]: each["h"] for each in vector["variants"]}, "served": vector["served"]}
        if found != expected:
            sys.exit(f"vector {number} differs: {json.dumps(found)}, not {json.dumps(expected)}")
    print(f"{len(vectors)} vectors agree")


if __name__ == "__main__":
    main(sys.argv[1])
