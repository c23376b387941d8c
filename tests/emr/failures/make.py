"""Make the logs of this folder by failing in earnest: `python -m tests.emr.failures.make [NAME ...]`.

Each program runs under spark-submit with a JVM of half a gigabyte, as the driver of a cluster-mode step does; what it
writes to stdout and stderr is kept, with the names of this machine replaced by those of a cluster. Spark sends a
Python driver's own stderr to stdout, here as there. Nothing of this runs in a test.
"""

import gzip
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]
SITE = Path(str(find_spec("pyspark").origin)).parents[1]  # type: ignore[union-attr]
IVY = Path.home() / ".ivy2.5.2" / "jars"
NO_STORAGE = ("io.delta_delta-spark_4.1_2.13-4.2.0.jar", "io.delta_delta-kernel-*.jar")
DELTA = (*NO_STORAGE, "io.delta_delta-storage-4.2.0.jar", "org.apache.spark_spark-avro_2.13-4.1.1.jar")
CONTAINER = "/mnt/yarn/usercache/hadoop/appcache/application_1763710000000_0001/container_1763710000000_0001_01_000001"
DELTA_CONF = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
S3A_CONF = {
    "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
    "spark.hadoop.fs.s3a.endpoint.region": "us-east-1",
    "spark.hadoop.fs.s3a.path.style.access": "true",
    "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
    "spark.hadoop.fs.s3a.attempts.maximum": "1",
    "spark.hadoop.fs.s3a.retry.limit": "1",
    "spark.hadoop.fs.s3a.retry.throttle.limit": "1",
    "spark.hadoop.fs.s3a.retry.throttle.interval": "10ms",
    "spark.hadoop.fs.s3a.bucket.probe": "0",
}
BEGIN = """\
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.appName("failing").getOrCreate()
"""
RUN_JOB = "from framework.cli import main\nmain(['run', 'orders'])\n"
GOOD_ROW = "1,open,1.5,2024-01-01T00:00:00Z\n"

Prepare = Callable[[Path], None]


@dataclass(frozen=True)
class Failure:
    """A program that fails, and what surrounds it."""

    program: str
    conf: Mapping[str, str] = field(default_factory=dict)
    jars: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    prepare: Prepare | None = None
    serve: Callable[[], object] | None = None
    command: tuple[str, ...] = ()


def wrapper_that_says_it_is_python_39(folder: Path) -> None:
    """Put a Python there that takes itself for 3.9: no second one is needed to be of the wrong version."""
    worker = folder / "python39"
    lie = (
        "import collections, sys\n"
        "Version = collections.namedtuple('Version', 'major minor micro releaselevel serial')\n"
        "sys.version_info = Version(3, 9, 16, 'final', 0)\n"
    )
    (folder / "lie").mkdir()
    (folder / "lie" / "sitecustomize.py").write_text(lie)
    worker.write_text(f'#!/bin/sh\nPYTHONPATH={folder}/lie:$PYTHONPATH exec {sys.executable} "$@"\n')
    worker.chmod(0o755)


def bundle_of_the_wrong_cpu(folder: Path) -> None:
    """Put pydantic's native library there as a bundle for Graviton would hold it."""
    shutil.copytree(SITE / "pydantic_core", folder / "deps" / "pydantic_core")
    shutil.copytree(SITE / "pydantic", folder / "deps" / "pydantic")
    (native,) = (folder / "deps" / "pydantic_core").glob("*.so")
    native.rename(native.with_name("_pydantic_core.cpython-311-aarch64-linux-gnu.so"))


def library(folder: Path, change: Callable[[bytes], bytes]) -> None:
    """Put a native library there, changed."""
    (native,) = (SITE / "pydantic_core").glob("*.so")
    (folder / "fastmath.abi3.so").write_bytes(change(native.read_bytes()))


def of_another_cpu(elf: bytes) -> bytes:
    """Return a library that says it is for aarch64."""
    return elf[:18] + struct.pack("<H", 183) + elf[20:]


def no_library(elf: bytes) -> bytes:
    """Return something that is no library at all, as an interrupted download leaves it."""
    return b"not an ELF file" + elf[15:200]


def needing_a_new_glibc(elf: bytes) -> bytes:
    """Return a library that asks for a glibc that there is not."""
    wanted, newer = b"GLIBC_2.14", b"GLIBC_2.99"
    return elf.replace(wanted + b"\0", newer + b"\0").replace(_elf_hash(wanted), _elf_hash(newer))


def _elf_hash(name: bytes) -> bytes:
    h = 0
    for c in name:
        h = (h << 4) + c
        g = h & 0xF0000000
        h = (h ^ (g >> 24)) & ~g
    return struct.pack("<I", h & 0xFFFFFFFF)


def jar_of_a_newer_java(folder: Path) -> None:
    """Put a jar there whose class is of a Java to come."""
    with zipfile.ZipFile(IVY / "org.postgresql_postgresql-42.7.7.jar") as jar:
        found = jar.read("org/postgresql/Driver.class")
    with zipfile.ZipFile(folder / "newer.jar", "w") as made:
        made.writestr("org/postgresql/Driver.class", found[:6] + struct.pack(">H", 65) + found[8:])


def orders(rows: str, job: Callable[[str], str] = lambda text: text) -> Prepare:
    """Return what makes a project with the job `orders` and a file of it."""

    def prepare(folder: Path) -> None:
        template = (ROOT / "framework" / "cli" / "templates" / "job.py.txt").read_text()
        for field_, value in {"{Name}": "Orders", "{name}": "orders", "{NAME}": "ORDERS"}.items():
            template = template.replace(field_, value)
        for name in ("jobs", "conf", "data/orders"):
            (folder / name).mkdir(parents=True)
        (folder / "jobs" / "__init__.py").write_text("")
        (folder / "jobs" / "orders.py").write_text(job(template))
        (folder / "conf" / "prod.toml").write_text('[lake]\nroot = "lake"\n[landing]\nroot = "data"\n')
        (folder / "data" / "orders" / "2024-01-01.csv").write_text("id,status,amount,updated_at\n" + rows)

    return prepare


def lakegate(prepare: Prepare, program: str = RUN_JOB, **more: str) -> Failure:
    """Return a run of the job `orders` under spark-submit, with Delta's jars on the class path as on a cluster."""
    variables = {"LAKEGATE_ENV": "prod", "LAKEGATE_LOG__FORMAT": "json", **more}
    return Failure(program, {}, DELTA, variables, prepare=prepare)


class _Refusing(BaseHTTPRequestHandler):
    status, code, message = 503, "SlowDown", "Please reduce your request rate."

    def do_HEAD(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def do_GET(self) -> None:
        said = f"<Error><Code>{self.code}</Code><Message>{self.message}</Message></Error>".encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Expired(_Refusing):
    status, code, message = 400, "ExpiredToken", "The provided token has expired."


@contextmanager
def served(by: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve S3 with refusals only."""
    server = HTTPServer(("127.0.0.1", 0), by)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@contextmanager
def moto() -> Iterator[str]:
    """Serve S3 with a bucket of which one folder is denied to everybody."""
    import logging

    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").disabled = True
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    try:
        s3 = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id="moto",
            aws_secret_access_key="moto",
            region_name="us-east-1",
        )
        s3.create_bucket(Bucket="lake-bucket")
        rule = '{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::lake-bucket/denied/*"}'
        s3.put_bucket_policy(Bucket="lake-bucket", Policy=f'{{"Statement": [{rule}]}}')
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


S3_JARS = (
    "org.apache.hadoop_hadoop-aws-*.jar",
    "software.amazon*.jar",
    "org.reactivestreams*.jar",
    "org.apache.httpcomponents_*.jar",
    "org.wildfly*.jar",
)


def on_s3(program: str, serve: Callable[[], object]) -> Failure:
    """Return a program that reads s3://."""
    keys = {"AWS_ACCESS_KEY_ID": "moto", "AWS_SECRET_ACCESS_KEY": "moto"}
    return Failure(BEGIN + program, S3A_CONF, S3_JARS, keys, serve=serve)


def script(*lines: str, **more: object) -> Failure:
    """Return a PySpark script that needs Spark only."""
    return Failure(BEGIN + "\n".join(lines) + "\n", **more)  # type: ignore[arg-type]


TWO_WRITERS = """\
import threading

from delta.tables import DeltaTable

path = "lake/totals"
spark.range(2000).withColumn("n", F.lit(0)).write.format("delta").save(path)
failed = []


def write(number):
    try:
        DeltaTable.forPath(spark, path).update(set={"n": F.lit(number)})
    except Exception as error:
        failed.append(error)


threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
raise failed[0]
"""
HOLD_THE_LEASE = """\
from framework.cli import main, project
from framework.cli.start import start
from framework.state.lease import Lease
from framework.process import this_one

settings, lake = start(project.find(), "orders", "prod", [], quiet=True)
with Lease(lake, "job-orders", this_one(lake.spark)).held(60, 0):
    main(["run", "orders", "--set", "lease.wait=0"])
"""

FAILURES: dict[str, Failure] = {
    # what the program itself lacks
    "module-driver": Failure("import absent_package\n"),
    "module-executor": script(
        "@F.udf('long')",
        "def parsed(n):",
        "    import absent_package",
        "    return absent_package.parse(n)",
        "",
        "spark.range(3).select(parsed('id')).collect()",
    ),
    "program-missing": Failure("", command=("absent.py",)),
    "udf-divides-by-zero": script(
        "def per_seat(n):",
        "    return 100 // n",
        "",
        "share = F.udf(per_seat, 'long')",
        "spark.range(3).select(share('id')).write.mode('overwrite').parquet('out')",
    ),
    # what it asks Spark for
    "column": script("spark.range(3).withColumnRenamed('id', 'flight').select('flihgt').show()"),
    "table": script("spark.table('silver.flights').show()"),
    "path": script("spark.read.parquet('landing/2024-01-01').show()"),
    "cast": script("spark.createDataFrame([('12',), ('n/a',)], 's string').select(F.col('s').cast('int')).show()"),
    "csv-malformed": script(
        "from pathlib import Path",
        "Path('in.csv').write_text('1,2\\n3,not a number\\n')",
        "spark.read.csv('in.csv', schema='a int, b int', mode='FAILFAST').write.parquet('out')",
    ),
    # memory
    "driver-heap": script("rows = spark.range(30_000_000).select(F.expr('uuid()')).collect()"),
    "driver-heap-killed": script(
        "rows = spark.range(30_000_000).select(F.expr('uuid()')).collect()",
        conf={
            "spark.driver.extraJavaOptions": "-XX:OnOutOfMemoryError='kill -9 %p'",
            "spark.driver.maxResultSize": "0",
        },
    ),
    "result-size": script(
        "rows = spark.range(3_000_000).select(F.expr('uuid()')).collect()", conf={"spark.driver.maxResultSize": "20m"}
    ),
    "worker-killed": script(
        "@F.udf('long')",
        "def hungry(n):",
        "    import os, signal",
        "    os.kill(os.getpid(), signal.SIGKILL)",
        "",
        "spark.range(3).select(hungry('id')).collect()",
    ),
    "python-memory": Failure(
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\nrows = bytearray(4 << 30)\n"
    ),
    # Python, CPU and libraries
    "python-version": script(
        "spark.range(3).select(F.udf(lambda n: n + 1, 'long')('id')).collect()",
        variables={"PYSPARK_PYTHON": "./python39", "PYSPARK_DRIVER_PYTHON": sys.executable},
        prepare=wrapper_that_says_it_is_python_39,
    ),
    "python-missing": script(
        "spark.range(3).select(F.udf(lambda n: n + 1, 'long')('id')).collect()",
        variables={"PYSPARK_PYTHON": "./environment/bin/python", "PYSPARK_DRIVER_PYTHON": sys.executable},
    ),
    "cpu-bundle": Failure("import sys\nsys.path.insert(0, 'deps')\nimport pydantic\n", prepare=bundle_of_the_wrong_cpu),
    "cpu-library": Failure("import fastmath\n", prepare=lambda folder: library(folder, of_another_cpu)),
    "library-broken": Failure("import fastmath\n", prepare=lambda folder: library(folder, no_library)),
    "glibc": Failure("import fastmath\n", prepare=lambda folder: library(folder, needing_a_new_glibc)),
    "java": script(
        "spark._jvm.java.lang.Class.forName('org.postgresql.Driver', True, "
        "spark._jvm.java.lang.Thread.currentThread().getContextClassLoader())",
        options=("--jars", "newer.jar"),
        prepare=jar_of_a_newer_java,
    ),
    "jars-conflict": Failure(BEGIN, jars=("io.netty_*.jar",)),
    "option": Failure("", options=("--executor-memroy", "4g")),
    # Delta
    "delta-missing": Failure(BEGIN + "spark.range(3).write.format('delta').save('lake/numbers')\n", DELTA_CONF),
    "delta-storage-missing": Failure(
        BEGIN + "spark.range(3).write.format('delta').save('lake/numbers')\n", DELTA_CONF, NO_STORAGE
    ),
    "delta-conflict": Failure(BEGIN + TWO_WRITERS, DELTA_CONF, DELTA),
    # S3
    "s3-denied": on_s3("spark.read.text('s3://lake-bucket/denied/a.txt').show()\n", moto),
    "s3-no-bucket": on_s3("spark.read.text('s3://no-such-bucket/a.txt').show()\n", moto),
    "s3-slow-down": on_s3("spark.range(3).write.text('s3://lake-bucket/a')\n", lambda: served(_Refusing)),
    "s3-expired": on_s3("spark.read.text('s3://lake-bucket/a/*.txt').show()\n", lambda: served(_Expired)),
    # the machine
    "disk-full": Failure("with open('/dev/full', 'w') as file:\n    file.write('a' * 100_000)\n"),
    # jobs of Lakegate
    "lakegate-column": lakegate(orders(GOOD_ROW, lambda job: job.replace('F.col("amount")', 'F.col("amonut")'))),
    "lakegate-udf": lakegate(
        orders(
            "0,open,1.5,2024-01-01T00:00:00Z\n",
            lambda job: job.replace(
                'F.lower("status")', 'F.udf(lambda status, n: status[100 // n:], "string")("status", "id")'
            ),
        )
    ),
    "lakegate-refused": lakegate(orders("1,open,-4,2024-01-01T00:00:00Z\n", lambda job: job.replace("0.0", "-9.0"))),
    "lakegate-duplicate": lakegate(
        orders(GOOD_ROW + "1,paid,1.5,2024-01-01T00:00:00Z\n", lambda job: job.replace('sequence_by="updated_at"', ""))
    ),
    "lakegate-delta-missing": Failure(RUN_JOB, {}, (), {"LAKEGATE_ENV": "prod"}, prepare=orders(GOOD_ROW)),
    "lakegate-lease": lakegate(orders(GOOD_ROW), HOLD_THE_LEASE),
    "lakegate-secret": lakegate(
        orders(
            GOOD_ROW,
            lambda job: job.replace(
                "kept = raw",
                "from framework.config import load as l\n    from framework.secrets "
                'import secret\n    secret("orders_db.password", l("prod"))\n    kept = raw',
            ),
        )
    ),
    "lakegate-no-data": lakegate(orders(GOOD_ROW), RUN_JOB, LAKEGATE_LANDING__ROOT="nowhere"),
    "lakegate-unknown-job": lakegate(orders(GOOD_ROW), RUN_JOB.replace("'orders'", "'ordres'")),
}


def run(name: str, failure: Failure) -> None:
    """Run one failure and keep its logs."""
    with tempfile.TemporaryDirectory(prefix="failing-") as place:
        folder = Path(place)
        (folder / "program.py").write_text(failure.program)
        if failure.prepare:
            failure.prepare(folder)
        jars = [str(jar) for pattern in failure.jars for jar in sorted(IVY.glob(pattern))]
        conf = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", **failure.conf}
        conf |= {"spark.ui.enabled": "false", "spark.python.worker.reuse": "false"}
        if jars:
            conf["spark.driver.extraClassPath"] = os.pathsep.join(jars)
        if not failure.serve:
            _submit(name, failure, folder, conf)
            return
        server: object = failure.serve()
        with server as endpoint:  # type: ignore[attr-defined]
            _submit(name, failure, folder, conf | {"spark.hadoop.fs.s3a.endpoint": endpoint})


def _submit(name: str, failure: Failure, folder: Path, conf: Mapping[str, str]) -> None:
    given = [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    memory = ("--master", "local[1]", "--driver-memory", "512m")
    program = failure.command or ("program.py",)
    command = [f"{sys.prefix}/bin/spark-submit", *memory, *given, *failure.options, *program]
    known = {key: os.environ[key] for key in ("HOME", "JAVA_HOME", "LANG") if key in os.environ}
    known |= {"PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "SPARK_LOCAL_HOSTNAME": "localhost"}
    known |= {"SPARK_SUBMIT_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC", **failure.variables}
    ended = subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, timeout=300, check=False)
    print(f"{name}: exit {ended.returncode}, {len(ended.stdout):,} + {len(ended.stderr):,} characters")  # noqa: T201
    for stream, text in (("stdout", ended.stdout), ("stderr", ended.stderr)):
        kept = FOLDER / f"{name}.{stream}.gz"
        kept.write_bytes(gzip.compress(_neutral(_trimmed(text), folder).encode(), mtime=0))
        if not text:
            kept.unlink()


def _trimmed(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return text if len(lines) <= 2_000 else "".join([*lines[:500], "...\n", *lines[-1_500:]])


def _neutral(text: str, folder: Path) -> str:
    """Replace what is this machine's by what a cluster has."""
    wheel = f"{CONTAINER}/lakegate-0.1.0-py3-none-any.whl"
    named = {
        str(folder): CONTAINER,
        str(SITE / "pyspark"): "/usr/lib/spark/python/pyspark",
        str(SITE.resolve() / "pyspark"): "/usr/lib/spark/python/pyspark",
        f"{ROOT}/.venv/lib/python3.11/site-packages": f"{CONTAINER}/deps",
        str(ROOT / "framework"): f"{wheel}/framework",
        str(ROOT): wheel,
        str(SITE): f"{CONTAINER}/deps",
        str(SITE.resolve()): f"{CONTAINER}/deps",
        sys.executable: "/usr/bin/python3.11",
        sys.prefix: "/usr",
        str(IVY): "/usr/share/aws/delta/lib",
        str(Path.home()): "/home/hadoop",
    }
    for ours, theirs in named.items():
        text = text.replace(ours, theirs)
    text = re.sub(r"\broot\b", "hadoop", text)
    text = re.sub(r"\b(localhost|127\.0\.0\.1|vm)\b", "ip-10-0-0-1.ec2.internal", text)
    return re.sub(r"/tmp/(?!pip)[\w-]+", "/mnt/tmp", text)


if __name__ == "__main__":
    for chosen in sys.argv[1:] or FAILURES:
        run(chosen, FAILURES[chosen])
