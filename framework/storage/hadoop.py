"""Files that Hadoop reaches through the JVM of Spark: HDFS above all."""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from py4j.protocol import Py4JJavaError

from framework.batch import FilePin
from framework.errors import StorageError
from framework.storage.pattern import hidden, literal_part, matches


class HadoopStorage:
    """Any file system whose rename is atomic, as that of HDFS is."""

    def __init__(self, spark: Any) -> None:
        self._spark = spark

    def read(self, path: str) -> str | None:
        """Return a file's text."""
        system, there = self._at(path)
        try:
            if not system.exists(there):
                return None
            stream = system.open(there)
            try:
                return str(self._spark._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))
            finally:
                stream.close()
        except Py4JJavaError as error:
            raise _failed(path, error) from None

    def create(self, path: str, text: str) -> bool:
        """Write beside it and rename, which fails where the name is taken."""
        return self._renamed(path, text, "NONE")

    def replace(self, path: str, text: str) -> None:
        """Write beside it and rename over what is there."""
        self._renamed(path, text, "OVERWRITE")

    def delete(self, path: str) -> None:
        """Remove a file that may be there."""
        system, there = self._at(path)
        system.delete(there, False)

    def delete_begun(self, folder: str) -> None:
        """Remove the folders from the innermost, which the file system refuses where anything is in one."""
        system, there = self._at(folder)
        for found in system.listStatus(there) if system.exists(there) else []:
            if found.isDirectory():
                self.delete_begun(found.getPath().toString())
            elif found.getPath().getName().startswith("."):
                system.delete(found.getPath(), False)
        with suppress(Py4JJavaError):
            system.delete(there, False)

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder."""
        system, there = self._at(folder)
        found = system.listStatus(there) if system.exists(there) else []
        return sorted(name for status in found if not hidden(name := status.getPath().getName()))

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder."""
        system, there = self._at(folder)
        found = system.listStatus(there) if system.exists(there) else []
        names = (status.getPath().getName() for status in found if status.isDirectory())
        return sorted(name for name in names if not hidden(name))

    def files(self, where: str) -> Iterator[FilePin]:
        """Walk the folders below what the pattern names letter by letter."""
        begin = literal_part(where)
        system, there = self._at(begin)
        try:
            below = system.listFiles(there, True)
            pattern = str(system.makeQualified(there).toString()) + where.rstrip("/").removeprefix(begin)
            while below.hasNext():
                found = _pin(below.next())
                if matches(pattern, found.path):
                    yield found
        except Py4JJavaError as error:
            raise _failed(where, error) from None

    def stat(self, path: str) -> FilePin | None:
        """Return a file as it is now."""
        system, there = self._at(path)
        try:
            return _pin(system.getFileStatus(there))
        except Py4JJavaError:
            return None

    def _at(self, path: str) -> tuple[Any, Any]:
        there = self._spark._jvm.org.apache.hadoop.fs.Path(path)
        return there.getFileSystem(self._spark._jsparkSession.sessionState().newHadoopConf()), there

    def _renamed(self, path: str, text: str, how: str) -> bool:
        """Write a draft and give it its name; say whether the name was free, or was to be taken anyway."""
        folder, name = path.rsplit("/", 1)
        system, draft = self._at(f"{folder}/.{name}.{secrets.token_hex(4)}")
        _, there = self._at(path)
        fs = self._spark._jvm.org.apache.hadoop.fs
        options = self._spark._sc._gateway.new_array(fs.Options.Rename, 1)
        options[0] = getattr(fs.Options.Rename, how)
        try:
            stream = system.create(draft, False)
            try:
                stream.write(bytearray(text.encode()))
            finally:
                stream.close()
            # By the file system's own address: that of a path need not say which host it is, as in hdfs:///lake.
            renamer = fs.FileContext.getFileContext(system.getUri(), system.getConf())
        except Py4JJavaError as error:
            raise _failed(path, error) from None
        try:
            renamer.rename(system.makeQualified(draft), system.makeQualified(there), options)
        except Py4JJavaError as error:
            system.delete(draft, False)
            if "FileAlreadyExists" in error.java_exception.getClass().getName():
                return False
            raise _failed(path, error) from None
        return True


def _pin(status: Any) -> FilePin:
    return FilePin(status.getPath().toString(), int(status.getLen()), int(status.getModificationTime()))


def _failed(path: str, error: Py4JJavaError) -> StorageError:
    return StorageError(path, str(error.java_exception.getMessage()))
