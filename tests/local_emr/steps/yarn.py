"""A ResourceManager for tests, in name only: it has applications, and writes down which are killed."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from framework.local_emr.daemons import yarn
from framework.local_emr.daemons.hadoop import Hadoop
from framework.process import process


@contextmanager
def resource_manager(folder: Path, tags: dict[str, str]) -> Iterator[list[str]]:
    """Run one in a folder, with applications that have these tags; give the list of those that are killed."""
    killed: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = {"name": "", "state": "RUNNING", "startedTime": 0}
            self._answer({"apps": {"app": [{**known, "id": id, "applicationTags": tags[id]} for id in tags]}})

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            killed.append(self.path.split("/")[-2])
            self._answer({})

        def _answer(self, said: object) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        this, settings = process(os.getpid()), {yarn.WEB: f"127.0.0.1:{server.server_port}"}
        Hadoop(folder, folder, this, settings, {}, 1, 1, processes={yarn.RESOURCE_MANAGER: this}).write()
        yield killed
        server.shutdown()
