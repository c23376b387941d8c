"""Documents: the framework's own state, JSON files of one kind in one folder under `<lake.root>/_lakegate/`.

Each is written whole. But for a lease's heartbeat none is changed: what is decided is put there if it is absent.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from framework import fault
from framework.errors import DamagedStateError
from framework.tables import Lake

Document = TypeVar("Document")
AT_ONCE = 16


class Documents(Generic[Document]):
    """The documents of one kind in one folder, each under a name.

    `named` is what their names look like: a file of another name, such as a copy that somebody made, is none of them.
    """

    def __init__(self, lake: Lake, folder: str, kind: type[Document], named: str = ".+") -> None:
        self._storage = lake.storage
        self.folder = f"{lake.root.rstrip('/')}/_lakegate/{folder}"
        self._what = folder.split("/")[0]
        self._kind = TypeAdapter(kind)
        self._named = re.compile(rf"({named})\.json")

    def load(self, name: str) -> Document | None:
        """Return a document, None where there is none. Raises DamagedStateError where it is not of its kind."""
        text = self._storage.read(self.path(name))
        if text is None:
            return None
        try:
            return self._kind.validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise DamagedStateError(self.path(name), first["msg"]) from None

    def load_all(self, names: list[str]) -> list[Document]:
        """Return documents that were listed; several are fetched at once, since on S3 each takes its time."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return [found for found in pool.map(self.load, names) if found is not None]

    def create(self, name: str, document: Document) -> bool:
        """Write a document if there is none of that name; say whether this call made it."""
        fault.point(f"before {self._what}")
        made = self._storage.create(self.path(name), self._text(document))
        fault.point(f"after {self._what}")
        return made

    def replace(self, name: str, document: Document) -> None:
        """Write a document in the place of one that may be there."""
        self._storage.replace(self.path(name), self._text(document))

    def delete(self, name: str) -> None:
        """Remove a document that may be there."""
        self._storage.delete(self.path(name))

    def names(self) -> list[str]:
        """Return the names that there are, sorted."""
        found = map(self._named.fullmatch, self._storage.names(self.folder))
        return sorted(named[1] for named in found if named)

    def path(self, name: str) -> str:
        """Return where a document is."""
        return f"{self.folder}/{name}.json"

    def _text(self, document: Document) -> str:
        return self._kind.dump_json(document, indent=2).decode()
