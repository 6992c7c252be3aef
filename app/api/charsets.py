"""The character sets that a text may declare, and their decoding."""

from collections.abc import Mapping

from app.api.errors import MediaTypeUnsupported
from app.pipeline.decoding import Decoded, clean, decode

#: As declared -> Python's codec; None: as UTF-8, which also takes what a byte order mark says.
#: EUC-KR is read as the larger set that programs really mean by it.
_CODECS: Mapping[str, str | None] = {
    "utf-8": None,
    "utf8": None,
    "us-ascii": None,
    "ascii": None,
    "utf-16": "utf-16-le",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "iso-8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "windows-1252": "windows-1252",
    "cp1252": "windows-1252",
    "euc-kr": "cp949",
    "cp949": "cp949",
    "ks_c_5601-1987": "cp949",
}
_MARKS = (b"\xff\xfe", b"\xfe\xff")


def decode_declared(data: bytes, parameters: Mapping[str, str]) -> Decoded:
    """Text of a body or a part whose Content-Type has these parameters. Raises `MediaTypeUnsupported`."""
    codec = _codec(parameters)
    # little-endian is what Windows means by UTF-16; a byte order mark knows better
    if codec is None or (codec.startswith("utf-16") and data.startswith(_MARKS)):
        return decode(data)
    text = data.decode(codec, "replace")
    cleaned = clean(text)
    return Decoded(text=cleaned.text, bytes_replaced=text.count("\ufffd") + cleaned.bytes_replaced)


def check_utf8(parameters: Mapping[str, str]) -> None:
    """JSON is UTF-8, whoever sends it. Raises `MediaTypeUnsupported` when it claims to be something else."""
    if _codec(parameters) is not None:
        raise MediaTypeUnsupported("JSON is always UTF-8; send text/plain in another charset.")


def _codec(parameters: Mapping[str, str]) -> str | None:
    name = parameters.get("charset", "utf-8").strip().lower()
    if name not in _CODECS:
        raise MediaTypeUnsupported(f"The charset can be one of {', '.join(_CODECS)}.")
    return _CODECS[name]
