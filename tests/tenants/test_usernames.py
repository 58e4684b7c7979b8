# ruff: noqa: RUF001 — characters that look like others are what this is about
"""Names of people: one form for all spellings, and none that hides something."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pvc.errors import Conflict
from tenants.models import Actor, Tenant, User
from tenants.names import InvalidUsername, canonical_username
from tests import factories

SPELLINGS = [
    ("alice", "alice"),
    ("Alice", "alice"),
    ("ALICE", "alice"),
    (" alice", "alice"),
    ("alice ", "alice"),
    ("  alice  ", "alice"),
    ("\u3000alice", "alice"),  # ideographic space
    ("alice\u00a0", "alice"),  # no-break space
    ("\u2003alice\u2009", "alice"),  # em and thin space
    ("ａｌｉｃｅ", "alice"),  # fullwidth
    ("ＡＬＩＣＥ", "alice"),
    ("Ａlice", "alice"),
    ("ⓐⓛⓘⓒⓔ", "alice"),  # circled
    ("Ⓐlice", "alice"),
    ("𝐚𝐥𝐢𝐜𝐞", "alice"),  # mathematical bold
    ("𝓐𝓵𝓲𝓬𝓮", "alice"),  # script
    ("𝔞𝔩𝔦𝔠𝔢", "alice"),  # Fraktur
    ("𝙰𝙻𝙸𝙲𝙴", "alice"),  # monospace
    ("ᵃlice", "alice"),  # superscript
    ("alᵢce", "alice"),  # subscript
    ("aliⅽe", "alice"),  # Roman numeral
    ("ﬁona", "fiona"),  # ligatures
    ("ﬂora", "flora"),
    ("ﬀion", "ffion"),
    ("oﬃce", "office"),
    ("ﬆella", "stella"),
    ("ĳsbrand", "ijsbrand"),
    ("Ǆ", "dž"),
    ("straße", "strasse"),
    ("STRASSE", "strasse"),
    ("STRAẞE", "strasse"),
    ("ß\u0301", "s\u015b"),  # folding brings up a letter that the accent joins
    ("\u1f80\u0308", "\u1f00\u03ca"),
    ("ſam", "sam"),  # long s
    ("\u212aate", "kate"),  # Kelvin sign
    ("\u212bsa", "åsa"),  # Ångström sign
    ("a\u030asa", "åsa"),  # composed from two
    ("Åsa", "åsa"),
    ("jose\u0301", "josé"),
    ("JOSÉ", "josé"),
    ("Ω", "ω"),
    ("\u2126", "ω"),  # Ohm sign
    ("σίσυφος", "σίσυφοσ"),  # final sigma
    ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
    ("ᾳ", "αι"),  # iota subscript
    ("İpek", "i̇pek"),
    ("①team", "1team"),
    ("x²", "x2"),
    ("½", "1⁄2"),
    ("dev‑user", "dev‐user"),  # non-breaking hyphen
    ("dev－user", "dev-user"),  # fullwidth hyphen
    ("ｄev-user", "dev-user"),
    ("Dev-User", "dev-user"),
    ("bob＠example．org", "bob@example.org"),
    ("ﾊﾝｶｸ", "ハンカク"),  # halfwidth katakana
    ("가", "가"),  # conjoining jamo
    ("王小明", "王小明"),
    ("㎏", "kg"),
    ("℡", "tel"),
    ("№5", "no5"),
    ("ﷺ", "صلى الله عليه وسلم"),
    ("ꭰ", "Ꭰ"),  # Cherokee folds to capitals
]

HIDDEN = {
    "comma": "a,b",
    "fullwidth comma": "a，b",
    "small comma": "a﹐b",
    "presentation comma": "a\ufe10b",
    "zero-width space": "alice\u200b",
    "zero-width non-joiner": "al\u200cice",
    "zero-width joiner": "al\u200dice",
    "word joiner": "\u2060alice",
    "byte order mark": "\ufeffalice",
    "soft hyphen": "al\u00adice",
    "left-to-right mark": "alice\u200e",
    "right-to-left override": "\u202ealice",
    "isolate": "\u2066alice\u2069",
    "Mongolian vowel separator": "al\u180eice",
    "language tag": "alice\U000e0061",
    "NUL": "alice\0",
    "line feed": "alice\n",
    "tab in front": "\talice",
    "escape": "al\x1b[31mice",
    "delete": "alice\x7f",
    "C1 control": "alice\x85",
    "line separator": "alice\u2028",
    "paragraph separator": "alice\u2029",
    "lone surrogate": "alice\ud800",
    "private use": "alice\ue000",
    "unassigned": "alice\u0378",
    "not a character": "alice\uffff",
    "nothing": "",
    "spaces": "   ",
    "ideographic spaces": "\u3000\u3000",
    "too long": "a" * 151,
    "too long when folded": "ß" * 76,
}


@pytest.mark.parametrize(("spelling", "name"), SPELLINGS, ids=[ascii(each) for each, _ in SPELLINGS])
def test_spellings_of_one_name_are_one_name(spelling: str, name: str) -> None:
    assert canonical_username(spelling) == name
    assert canonical_username(name) == name


@pytest.mark.parametrize("name", HIDDEN.values(), ids=HIDDEN)
def test_a_name_that_hides_something_is_refused(name: str) -> None:
    with pytest.raises(InvalidUsername):
        canonical_username(name)


def test_a_name_has_up_to_150_characters() -> None:
    assert canonical_username("a" * 150) == "a" * 150
    assert canonical_username("ß" * 75) == "s" * 150


@given(st.text(max_size=40))
@example("ͅΑ")
@example("ϓ΄")
@example("\u1e9e\u0345\u0390")
@settings(max_examples=1000, deadline=None)
def test_the_canonical_form_of_a_canonical_name_is_itself(text: str) -> None:
    try:
        name = canonical_username(text)
    except InvalidUsername:
        return
    assert canonical_username(name) == name
    assert name == name.strip()
    assert name.casefold() == name
    assert "," not in name
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert canonical_username(unicodedata.normalize(form, text)) == name


def test_every_character_has_one_canonical_form_or_is_refused() -> None:
    for point in (*range(0x32400), *range(0xE0000, 0xE0200)):  # beyond them nothing is assigned
        try:
            name = canonical_username(f"x{chr(point)}x")
        except InvalidUsername:
            continue
        assert canonical_username(name) == name
        assert not {unicodedata.category(character) for character in name} & {"Cc", "Cf", "Cs"}


def test_a_name_is_stored_in_its_canonical_form_and_taken_once(acme: Tenant, other: Tenant) -> None:
    assert factories.make_user(acme, " Ａlice ").username == "alice"
    for tenant in (acme, other):
        with pytest.raises(Conflict, match="already exists"):
            factories.make_user(tenant, "ALICE")


def test_a_person_is_found_by_any_spelling(alice: Actor) -> None:
    for spelling in ("alice", "ALICE", " Ａlice"):
        assert User.objects.get_by_natural_key(spelling) == alice.user
