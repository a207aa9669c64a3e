"""Languages as MT servers number them (Windows language identifiers), to and from our codes. Plain Python."""

from types import MappingProxyType

LCID_OF = MappingProxyType(
    {
        "en": 1033, "ar": 1025, "bg": 1026, "zh-hant": 1028, "cs": 1029, "da": 1030, "de": 1031, "el": 1032,
        "es": 3082, "fi": 1035, "fr": 1036, "he": 1037, "hu": 1038, "it": 1040, "ja": 1041, "ko": 1042, "nl": 1043,
        "no": 1044, "pl": 1045, "pt": 2070, "pt-br": 1046, "ro": 1048, "ru": 1049, "hr": 1050, "sk": 1051, "sv": 1053,
        "th": 1054, "tr": 1055, "id": 1057, "uk": 1058, "sl": 1060, "fa": 1065, "vi": 1066, "hi": 1081, "ms": 1086,
        "bn": 1093, "zh-hans": 2052,
    }
)  # fmt: skip
_ALIASES = {"zh": "zh-hans", "zh-cn": "zh-hans", "zh-sg": "zh-hans", "zh-tw": "zh-hant", "zh-hk": "zh-hant"}
_CODE_OF = {number: code for code, number in LCID_OF.items()}
_PRIMARY = {number & 0x3FF: code for code, number in LCID_OF.items() if code not in ("zh-hant", "pt-br")}


def lcid_of(language: str) -> int:
    """Return the number of a language code ("en-gb" counts as "en"); 0 when it has none: the server's default."""
    code = language.lower().replace("_", "-")
    code = _ALIASES.get(code, code)
    return LCID_OF.get(code) or LCID_OF.get(code.partition("-")[0], 0)


def language_of(lcid: int) -> str:
    """Return the code of a number, of its main language when the region is not listed; "" when not known."""
    return _CODE_OF.get(lcid) or _PRIMARY.get(lcid & 0x3FF, "")
