"""One endpoint on loopback: EMR's API is ours, all other services are moto's, in this process."""

import json
import re
import socket
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

from framework.local_emr.api import life, operations
from framework.local_emr.api.faults import FaultInjector, Faults
from framework.local_emr.api.refusal import Refusal
from framework.local_emr.api.world import Call, World

HOST = "127.0.0.1"
TARGET = "ElasticMapReduce."
REGION = "us-east-1"
# Beside what AWS has: which faults are made, read by GET and set by PUT; and the clusters, whatever the faults.
FAULTS = "/_lakegate/faults"
CLUSTERS = "/_lakegate/clusters"
# The names by which clients may call it; S3's may put a bucket before `localhost`.
NAMES = re.compile(r"127\.0\.0\.1|(.+\.)?localhost", re.IGNORECASE)
JSON, XML = "application/x-amz-json-1.1", "application/xml"

Environ = dict[str, Any]
Answering = Callable[..., Any]
Application = Callable[[Environ, Answering], Iterable[bytes]]


def listen(port: int = 0) -> socket.socket:
    """Take a port; 0 takes a free one. Raises OSError where it is taken."""
    # Bound here: werkzeug ends the process where it cannot bind.
    return socket.create_server((HOST, port), backlog=128)


def address(bound: socket.socket) -> str:
    """Return the address that clients are given: who calls before the server has started waits for it."""
    return f"http://{HOST}:{bound.getsockname()[1]}"


class Server:
    """The endpoint, from `start` to `stop`, or as a context manager, at a port that was taken or is (0: a free one).

    It looks at its clusters every `interval` seconds. Stopping it ends no step: `life.shut` does.
    """

    def __init__(
        self,
        world: World,
        *,
        port: int = 0,
        bound: socket.socket | None = None,
        faults: FaultInjector | None = None,
        interval: float = 0.2,
    ) -> None:
        self.world, self.faults, self.interval = world, faults or FaultInjector(), interval
        self._wanted, self._over = port, threading.Event()
        self._bound = bound
        self._http: Any = None
        self._threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        """Return the port that it listens at, once it does."""
        assert self._bound
        return int(self._bound.getsockname()[1])

    @property
    def address(self) -> str:
        """Return the address that clients are given."""
        assert self._bound
        return address(self._bound)

    def start(self) -> None:
        """Listen, and look after clusters. Raises OSError where the port is taken."""
        self._bound = self._bound or listen(self._wanted)
        from moto.moto_server.werkzeug_app import (  # type: ignore[import-untyped,unused-ignore]
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import ThreadedWSGIServer

        class Handler(MotoRequestHandler):  # type: ignore[misc,unused-ignore]
            """Says nothing of requests; clients keep their connections."""

            protocol_version = "HTTP/1.1"

            def log_request(self, code: object = "-", size: object = "-") -> None:
                """Say nothing."""

        app = application(self.world, DomainDispatcherApplication(create_backend_app), self.faults)
        self._http = ThreadedWSGIServer(HOST, self.port, app, Handler, fd=self._bound.fileno())
        self._threads = [
            threading.Thread(target=self._http.serve_forever, args=(0.05,), name="local-emr", daemon=True),
            threading.Thread(target=self._look, name="local-emr clusters", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def rest(self) -> None:
        """Look after clusters no longer: no step is started any more."""
        self._over.set()
        for looking in self._threads[1:]:
            looking.join()

    def stop(self) -> None:
        """Look after clusters no longer, then listen no longer: what runs may use S3 until then."""
        self.rest()
        if self._threads:
            listening = self._threads[0]
            self._http.shutdown()
            listening.join()
            self._http.server_close()
        if self._bound:
            self._bound.close()

    def __enter__(self) -> "Server":
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _look(self) -> None:
        while not self._over.wait(self.interval):
            life.tick(self.world)


def application(world: World, others: Application, faults: FaultInjector) -> Application:
    """Return the WSGI application: our own operations, and `others` for everything else."""

    def answered(environ: Environ, start: Answering) -> Iterable[bytes]:
        if _is_of_a_page(environ):
            return _refused(start, "403 Forbidden", "pages of a browser are told nothing")
        # S3 takes 5 GB at once, and nobody takes more.
        if not re.fullmatch("[0-9]{0,10}", environ.get("CONTENT_LENGTH", "")):
            return _refused(start, "400 Bad Request", "no request has such a length")
        if environ.get("PATH_INFO") == FAULTS:
            return _control(environ, start, faults)
        if environ.get("PATH_INFO") == CLUSTERS:
            return _say(start, "200 OK", "application/json", json.dumps(_clusters(world)).encode())
        target, service, region = environ.get("HTTP_X_AMZ_TARGET", ""), *_scope(environ)
        if target.startswith(TARGET) or service == "elasticmapreduce":
            return _emr(environ, start, Call(world, region), target.removeprefix(TARGET), faults)
        if service and faults.of_others():
            return _expired(environ, start, service)
        if service == "s3" and faults.of_s3():
            return _refused_by_s3(environ, start, "503 Slow Down", "SlowDown", "Please reduce your request rate.")
        return others(environ, start)

    return answered


def _is_of_a_page(environ: Environ) -> bool:
    """Tell whether a page of a browser asks: nobody else says `Origin`, or calls by a name that was led here."""
    fetched = environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("none", "same-origin")
    name = environ.get("HTTP_HOST", "").partition(":")[0]
    return "HTTP_ORIGIN" in environ or fetched or not NAMES.fullmatch(name)


def _refused(start: Answering, status: str, said: str) -> Iterable[bytes]:
    """Refuse a request whose body is not read: it may not be taken for the next one."""
    return _say(start, status, "text/plain", f"{said}\n".encode(), {"Connection": "close"})


def _emr(environ: Environ, start: Answering, call: Call, operation: str, faults: FaultInjector) -> Iterable[bytes]:
    body = _body(environ)
    try:
        faults.of_emr(operation)
        return _say(start, "200 OK", JSON, operations.answer(call, operation, body))
    except Refusal as refusal:
        told = {"__type": refusal.code, "message": refusal.message}
        headers = {"x-amzn-ErrorType": refusal.code}
        return _say(start, f"{refusal.status} {refusal.code}", JSON, json.dumps(told).encode(), headers)


def _control(environ: Environ, start: Answering, faults: FaultInjector) -> Iterable[bytes]:
    method, body = environ["REQUEST_METHOD"], _body(environ)
    if method == "PUT":
        try:
            faults.set(Faults.read(body))
        except (ValueError, TypeError) as error:
            return _say(start, "400 Bad Request", "text/plain", f"{error}\n".encode())
    elif method != "GET":
        return _say(start, "405 Method Not Allowed", "text/plain", b"GET or PUT\n")
    return _say(start, "200 OK", "application/json", faults.faults.written())


def _clusters(world: World) -> list[dict[str, Any]]:
    """Return what there is to know at a glance of the clusters that have not ended, of all regions."""
    with world.store.lock:
        known = [each for each in world.store.clusters.values() if not each.is_over]
        return [
            {
                "id": each.id,
                "name": each.name,
                "state": each.state,
                "steps": Counter(step.state for step in each.steps),
                "nodes": [node.node for node in each.instances if node.node and not node.ended],
            }
            for each in known
        ]


def _expired(environ: Environ, start: Answering, service: str) -> Iterable[bytes]:
    said = "The security token included in the request is expired"
    if service == "s3":
        return _refused_by_s3(environ, start, "400 Bad Request", "ExpiredToken", "The provided token has expired.")
    _body(environ)
    if "json" in environ.get("CONTENT_TYPE", ""):
        told = json.dumps({"__type": "ExpiredTokenException", "message": said}).encode()
        return _say(start, "400 Bad Request", JSON, told)
    error = f"<Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>{said}</Message></Error>"
    return _say(start, "403 Forbidden", "text/xml", f"<ErrorResponse>{error}</ErrorResponse>".encode())


def _refused_by_s3(environ: Environ, start: Answering, status: str, code: str, said: str) -> Iterable[bytes]:
    _body(environ)
    told = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{said}</Message></Error>'
    return _say(start, status, XML, b"" if environ["REQUEST_METHOD"] == "HEAD" else told.encode())


def _say(
    start: Answering, status: str, kind: str, body: bytes, more: Mapping[str, str] | None = None
) -> Iterable[bytes]:
    headers = {"Content-Type": kind, "Content-Length": str(len(body)), "x-amzn-RequestId": str(uuid.uuid4())}
    start(status, list({**headers, **(more or {})}.items()))
    return [body]


def _body(environ: Environ) -> bytes:
    """Return the body of a request; what is not read would be taken for the next request of the connection."""
    if environ.get("wsgi.input_terminated"):
        return bytes(environ["wsgi.input"].read())
    return bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))


def _scope(environ: Environ) -> tuple[str, str]:
    """Return the service and region that a request is signed for."""
    # Signed in a header, or in the address.
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    _, _, credential = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")
    parts = (credential.partition(",")[0] or query.get("X-Amz-Credential", "")).split("/")
    return (parts[-2], parts[-3]) if len(parts) >= 5 else ("", REGION)
