"""Telephone numbers that keep their country, in ranges that its numbering plan does not use.

For each calling code there are digits with which no number of the plan begins, nor what remains of one after a trunk
prefix. Found by going through the patterns of Google's ``libphonenumber`` (phonenumbers 9.0.43, all types of numbers of
all regions of the code); plans change, and a test asks the installed version again. Argentina (+54), whose numbers are
rewritten when dialled, has none that is certain, nor has 888.
"""

from __future__ import annotations

from synth_assets.storage import literal

UNUSED: dict[str, str] = {
    "0": "1",
    "109": (
        "7 30 34 39 40 41 43 45 46 47 48 49 52 53 55 56 57 58 61 62 63 64 65 81 84 90 91 92 93 94 95 98 211 "
        "212 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237 238 239 240 241 "
        "242 244 245 246 248 250 251 253 254 255 256 257 258 260 261 262 263 264 265 266 267 268 269 290 291 "
        "297 298 299 350 351 352 354 355 356 357 359 370 371 372 373 375 377 378 380 382 383 386 387 389 420 "
        "421 423 500 501 502 503 504 505 506 508 509 590 591 592 593 594 595 596 597 598 599 670 673 674 675 "
        "676 677 678 679 680 681 682 683 685 686 687 688 689 690 691 850 852 853 856 870 880 883 886 960 962 "
        "963 965 966 967 968 970 971 972 973 974 975 976 993 995 996 998"
    ),
    "590": "20 27 31 33 51 60 66 82 86 213 249 358 374 381 385 507 692 855 878 881 882 964 977 992 994",
    "00": "36 247 376 808 979",
    "39": "32 44 353 672",
    "7": "243",
    "01": "800",
    "20": "961",
    "50": "252",
}
"""Digits that begin no national number, and the calling codes of which that is true."""

FREE_DIGITS = 9
"""Digits of a fake behind those."""

UNASSIGNED = "999"
"""A calling code that is no country's (ITU E.164); for numbers that show none."""

_CODES = "|".join(code for codes in UNUSED.values() for code in codes.split())
_INTERNATIONAL = r" *(\+|00)[ (]*[1-9][0-9 ().\-/]{7,20}"
_PLAIN = r"\+[1-9][0-9 ][0-9 ().\-/]{6,19}"


def unused_beginning(number: str) -> str:
    """SQL of the calling code that a number is written with, after ``+`` or ``00``, and digits that begin none there.

    As ``+44 39``; NULL where no code is known. Most numbers are written plainly: their code is looked up by the digits
    behind the plus sign, up to three. Only those of others are looked for with a regular expression, which takes
    three times as long.
    """
    plain = f"coalesce(TRY_CAST(substr({number}, 2, 3) AS USMALLINT), TRY_CAST(substr({number}, 2, 2) AS USMALLINT))"
    other = f"TRY_CAST(regexp_extract(ltrim({number}, ' +(0'), {literal(f'^(?:{_CODES})')}) AS USMALLINT)"
    digits = (
        f"CASE WHEN regexp_full_match({number}, {literal(_PLAIN)}) THEN {plain} "
        f"WHEN regexp_full_match({number}, {literal(_INTERNATIONAL)}) THEN {other} END"
    )
    return f"list_extract([{_BEGINNINGS}], 1 + {digits})"


def _beginnings() -> str:
    """SQL of what numbers begin with whose first digits are 0, 1, ... 999; shorter ones are a whole code."""
    known = {code: f"+{code} {digits}" for digits, codes in UNUSED.items() for code in codes.split()}
    found = (next((known[d[:n]] for n in (1, 2, 3) if d[:n] in known), None) for d in map(str, range(1000)))
    return ", ".join("NULL" if text is None else literal(text) for text in found)


_BEGINNINGS = _beginnings()
