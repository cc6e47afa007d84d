"""Blocks of characters: what is forgotten is forgotten by the block.

A string belongs to the hardest block that it has a character of, so that every text is in one slice.
"""

import re
import unicodedata

from drawops_vision.evaluation.slices import SYMBOLS

CHARSETS = {
    "chinese": "Chinese characters",
    "other script": "letters of no Latin script: Greek, Cyrillic, kana …",
    "symbols": "signs beyond ASCII",
    "accented": "Latin letters beyond ASCII",
    "lower case": "a to z",
    "upper case": "A to Z",
    "digits": "0 to 9",
    "punctuation": "other ASCII",
}
"""Name -> meaning, hardest first."""

_CHINESE = re.compile(r"[㐀-䶿一-鿿豈-﫿\U00020000-\U0003134f]")


def charset_of_character(character: str) -> str:
    """The key of `CHARSETS` that a character belongs to."""
    if _CHINESE.match(character):
        return "chinese"
    if character.isascii():
        if character.isdigit():
            return "digits"
        if character.isalpha():
            return "upper case" if character.isupper() else "lower case"
        return "punctuation"
    if character in SYMBOLS or not character.isalpha():
        return "symbols"
    return "accented" if unicodedata.name(character, "").startswith("LATIN") else "other script"


def charset(text: str) -> str:
    """The key of `CHARSETS` that a string belongs to: the hardest of its characters'."""
    found = {charset_of_character(one) for one in text if one != " "}
    return next((name for name in CHARSETS if name in found), "punctuation")


def common_chinese(character: str) -> bool:
    """Whether it is one of the 3,755 commonest: level 1 of GB 2312, whose first byte is B0 to D7."""
    try:
        code = character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return len(code) == 2 and 0xB0 <= code[0] <= 0xD7
