"""Entries of a zip file, those compressed with Zstandard too, which Python below 3.14 cannot read."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import Self

from modelmetry.runs.imports.log import unreadable

_ZSTANDARD = 93
_HEAD = 30
_ALLOWED = "a whole .eval file, as inspect_ai wrote it"


class Entries:
    """The entries of a zip file by name; a name that occurs twice means its last entry.

    Args:
        path: The file.

    Raises:
        BadInput: It is no zip file, or not a whole one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb")
        try:
            self._zip = zipfile.ZipFile(self._file)
        except (zipfile.BadZipFile, OSError, ValueError, struct.error) as error:
            self._file.close()
            raise unreadable(path, f"not a zip file, or cut short ({error})", _ALLOWED) from error
        self.names = list(self._zip.NameToInfo)

    def __enter__(self) -> Self:
        """Use as a context that closes the file."""
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        self._file.close()

    def read(self, name: str) -> bytes:
        """The bytes of an entry.

        Raises:
            BadInput: They cannot be read, or are not those that were written.
        """
        info = self._zip.NameToInfo[name]
        try:
            if info.compress_type != _ZSTANDARD:
                return self._zip.read(info)
            return self._zstandard(info)
        except (
            *(zipfile.BadZipFile, zlib.error, struct.error),
            *(NotImplementedError, EOFError, OSError, ValueError, RuntimeError),
        ) as error:
            raise unreadable(self.path, f"{name} cannot be read ({error})", _ALLOWED) from error

    def _zstandard(self, info: zipfile.ZipInfo) -> bytes:
        import pyarrow as pa

        self._file.seek(info.header_offset)
        head = self._file.read(_HEAD)
        if head[:4] != b"PK\x03\x04":
            raise zipfile.BadZipFile("no entry at its place")
        # The lengths of name and extra field here may differ from those in the directory.
        self._file.seek(sum(struct.unpack("<HH", head[26:30])), 1)
        packed = self._file.read(info.compress_size)
        if len(packed) != info.compress_size:
            raise EOFError("cut short")
        if not info.file_size:
            return b""
        data = pa.Codec("zstd").decompress(packed, info.file_size, asbytes=True)
        if zlib.crc32(data) != info.CRC:
            raise zipfile.BadZipFile("its checksum does not match")
        return data
