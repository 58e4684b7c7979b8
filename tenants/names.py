"""Names of people, in the one form in which they are compared. Pure."""

import unicodedata

from pvc import errors

_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class InvalidUsername(errors.Invalid):
    code = "INVALID_USERNAME"


def canonical_username(text: str) -> str:
    """NFKC, case-folded, trimmed; 1 to 150 characters without control, format or comma characters.

    Normalising can bring up new characters to fold, so it is done until nothing changes.
    Raises InvalidUsername.
    """
    if any(character == "," or unicodedata.category(character) in _REFUSED for character in text):
        raise InvalidUsername("A user name has no commas, control or invisible characters.")
    name = text
    while (folded := unicodedata.normalize("NFKC", name).casefold().strip()) != name:
        name = folded
    if not 1 <= len(name) <= 150 or "," in name:
        raise InvalidUsername("A user name has 1 to 150 characters and no comma.")
    return name
