"""Letters as a reader sees them: styled, accented and invisible ones made plain, look-alikes read as Latin. Pure."""
# ruff: noqa: RUF001 - look-alikes are what this file is about

import re
import unicodedata
from typing import Final

#: Signs that stand for more letters than this are no letters.
_MOST_LETTERS: Final = 4
_SMALL: Final = "abcdefghijklmnopqrstuvwxyz"
#: Han, Hangul and their extensions are as plain as they can be.
_PLAIN_BLOCKS: Final = re.compile("[\u3400-\u9fff\ua000-\ua63f\uac00-\ud7a3\U00012000-\U00016fff\U00020000-\U0003ffff]")


def _pairs(table: str) -> dict[str, str]:
    """Each sign in a table, and what stands right behind it."""
    return {pair[0]: pair[1:] for pair in table.split()}


#: Read as Latin in any language, though Unicode's compatibility forms do not say so.
_STYLED: Final = _pairs(
    """ᴀa ʙb ᴄc ᴅd ᴇe ꜰf ɢg ʜh ɪi ᴊj ᴋk ʟl ᴍm ɴn ᴏo ᴘp ꞯq ʀr ꜱs ᴛt ᴜu ᴠv ᴡw ʏy ᴢz
    ɐa ɔc ǝe ɟf ƃg ɥh ᴉi ɾj ʞk ɯm ɹr ʇt ʌv ʍw ʎy
    ıi øo łl đd ħh ŧt ɑa ɡg ɩi ɭl ɱm ɲn ŋn ɓb ɕc ɖd ɗd ɘe əe ɛe ɜe ɠg ɦh ɨi ɬl ɳn ɵo ʂs ʈt ʉu ʋu ʐz ʑz ƅb ƙk ƭt ƴy ȷj
    æae œoe ßss þth ðd ⁄/ Øo Łl Đd Ħh Ŧt Æae Œoe Ðd Þth"""
) | {
    chr(first + place): letter
    for first in (0x1F130, 0x1F150, 0x1F170, 0x1F1E6)  # in squares, circles, dark squares, and as flags
    for place, letter in enumerate(_SMALL)
}

#: Read as Latin only inside a word that has Latin letters, or if the whole word then is one that rules look for.
_LOOK_ALIKES: Final = _pairs(
    """аa вb сc ԁd еe ғf ԍg һh нh іi ӏl јj кk мm пn оo рp ԛq гr ѕs тt ѵv ԝw шw щw хx уy ьb ъb зz цu чy эe ыbl ө0 дd лn
    иn АA ВB СC ԀD ЕE ҒF ԌG НH ІI ӀI ЈJ КK МM ОO РP ԚQ ЅS ТT ѴV ԜW ХX УY ЬB ЗZ ҮY
    αa βb ςc ϲc δd εe ϝf γy ηn ιi κk λl μu νv οo πn ρp σo τt υu χx ωw ζz θ0 φo
    ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX ϹC
    աw ցg հh ոn սu օo յj տs ՏS ՍU ՕO ԼL
    ᎪA ᏴB ᏟC ᎠD ᎬE ᏀG ᎻH ᎥI ᎫJ ᏦK ᏞL ᎷM ᏢP ᎡR ᏚS ᎢT ᏙV ᎳW ᎩY ᏃZ ꮪs ꮯc ꮜu ꭵi ꮤw ꮓz ꮲp
    ⲁa ⲃb ⲥc ⲉe ⲏh ⲓi ⲕk ⲙm ⲛn ⲟo ⲣp ⲧt ⲩy ⲭx
    ꓮA ꓐB ꓚC ꓓD ꓰE ꓝF ꓖG ꓧH ꓲI ꓙJ ꓗK ꓡL ꓟM ꓠN ꓳO ꓑP ꓣR ꓢS ꓔT ꓴU ꓦV ꓪW ꓫX ꓬY ꓜZ"""
)
_SKELETON: Final = str.maketrans(_LOOK_ALIKES)
_LATIN: Final = re.compile("[A-Za-z]")


class _Plain(dict[int, str]):
    """What `str.translate` is to put for each sign of one text; worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        letters = self[code] = _plain_letters(chr(code))
        return letters


def _plain_letters(sign: str) -> str:
    """One sign alone, so that no run of marks makes this slow; a mark that is left over is dropped."""
    if sign in "\n\t" or _PLAIN_BLOCKS.match(sign):
        return sign
    if sign.isspace():
        return " "
    if _HIDDEN.match(sign):
        return ""
    parts = unicodedata.normalize("NFKD", _STYLED.get(sign, sign))
    if parts == sign:
        return "" if unicodedata.category(sign)[0] in "MC" else sign
    letters = "".join(_STYLED.get(part, part) for part in parts if unicodedata.category(part)[0] not in "MC")
    if len(letters) == 3 and letters[0] == "(" and letters[2] == ")":
        letters = letters[1]
    return letters[:_MOST_LETTERS].replace("\n", " ")


#: What no reader sees: controls, joiners, marks of direction, fillers, variation selectors, tags.
HIDDEN: Final = (
    "\\x00-\\x08\\x0e-\\x1b\\x1f\\x7f-\\x84\\x86-\\x9f\\xad\u034f\u061c\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_HIDDEN: Final = re.compile(f"[{HIDDEN}]")


def plain(text: str) -> str:
    """A text without accents, styles and invisible signs; its line breaks are the same."""
    return text.translate(_Plain())


def skeleton(word: str) -> str:
    """A word with look-alikes from other scripts read as the Latin letters that they look like."""
    return word if word.isascii() else word.translate(_SKELETON)


def is_mixed(word: str) -> bool:
    """Whether Latin letters stand beside others in one word."""
    return not word.isascii() and bool(_LATIN.search(word))
