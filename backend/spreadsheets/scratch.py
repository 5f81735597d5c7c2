"""A place for what a large file is taken apart into: not in memory, and gone with the process however that ends."""

import os
import weakref
from tempfile import TemporaryFile
from typing import Final

#: Bytes that are written at once; what is less never leaves memory.
_ENOUGH_TO_WRITE: Final = 1 << 20


class NoRoom(Exception):
    """The disk for temporary files is full, or cannot be written to."""

    status_code = 507

    def __init__(self) -> None:
        super().__init__("服务器存放临时文件的磁盘已满或不能写入，没有写入任何数据。请联系系统管理员清理后重新导入。")


class Scratch:
    """Pieces of bytes that are laid down once and read again by where they begin and how long they are."""

    def __init__(self) -> None:
        self._number = -1
        self._coming = bytearray()
        self._written = 0

    def append(self, piece: bytes) -> int:
        """Lay a piece down. Returns where it begins. Raises NoRoom."""
        begins = self._written + len(self._coming)
        self._coming += piece
        if len(self._coming) >= _ENOUGH_TO_WRITE:
            self._write()
        return begins

    def read(self, begins: int, length: int) -> bytes:
        """A piece, as it was laid down."""
        if begins >= self._written:
            return bytes(self._coming[begins - self._written : begins - self._written + length])
        return os.pread(self._number, length, begins)

    def _write(self) -> None:
        try:
            if self._number < 0:
                # It has no name, so that nobody else can open it and nobody has to remove it.
                file = TemporaryFile(buffering=0)  # noqa: SIM115 – closed when nobody can read of it any more
                weakref.finalize(self, file.close)
                self._number = file.fileno()
            done = 0
            while done < len(self._coming):
                done += os.write(self._number, self._coming[done:])
        except OSError as problem:
            # Whoever reads a file takes any other OSError for its fault.
            raise NoRoom from problem
        self._written += done
        self._coming = bytearray()
