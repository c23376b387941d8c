"""The logs below failures/ are of jobs that really failed: make.py there makes them. What only a YARN cluster can make
is composed here, from the words of Spark's YarnAllocator and of EMR; its tests say `composed`."""

import gzip

import pytest

from framework.errors import NeitherStepNorClusterError, UnknownClusterError, UnknownStepError
from tests.emr.amazon import refusal
from tests.emr.failures.make import FAILURES as MADE
from tests.emr.laid_out import APPLICATION, CLIENT_MODE, CLUSTER, FAILURES, STEP, YARN_CLIENT, Emr
from tests.s3.server import Bucket

NO_FAULT = "What to do: it is none of the known faults; look at the line above, and at all of the log."
# The failure, its probable cause, where it was, and what there is to do.
REAL = [
    (
        "module-driver",
        "ModuleNotFoundError: No module named 'absent_package'",
        "program.py:1",
        "What to do (module missing): The module is not in the bundle. Add it to the project's dependencies in "
        "pyproject.toml, and submit again",
    ),
    (
        "module-executor",
        "ModuleNotFoundError: No module named 'absent_package'",
        "program.py:7 in parsed, Spark job 0 (collect at program.py:10), Spark stage 0",
        "What to do (module missing): The module is not in the bundle.",
    ),
    (
        "program-missing",
        "python3: can't open file 'absent.py': [Errno 2] No such file or directory",
        "",
        "What to do (program missing): The program of the step is not where the step says.",
    ),
    (
        "udf-divides-by-zero",
        "ZeroDivisionError: integer division or modulo by zero",
        "program.py:6 in per_seat, Spark job 0 (parquet at NativeMethodAccessorImpl.java:0), Spark stage 0",
        NO_FAULT,
    ),
    (
        "column",
        "AnalysisException: [UNRESOLVED_COLUMN.WITH_SUGGESTION] A column, variable, or function parameter with name "
        "`flihgt` cannot be resolved. Did you mean one of the following? [`flight`].",
        "program.py:5",
        "What to do (column unknown): A column is asked for that the frame does not have. `lakegate check JOB` finds",
    ),
    (
        "table",
        "AnalysisException: [TABLE_OR_VIEW_NOT_FOUND] The table or view `silver`.`flights` cannot be found.",
        "program.py:5",
        "What to do (table not found): There is no table of that name. Run the job that loads it",
    ),
    (
        "path",
        "AnalysisException: [PATH_NOT_FOUND] Path does not exist: landing/2024-01-01.",
        "program.py:5",
        "What to do (path not found): There is nothing at the path. Mend landing.root",
    ),
    (
        "cast",
        'NumberFormatException: [CAST_INVALID_INPUT] The value \'n/a\' of the type "STRING" cannot be cast to "INT"',
        "program.py:5, Spark job 0 (showString at NativeMethodAccessorImpl.java:0), Spark stage 0",
        "What to do (value cannot be cast): A value does not fit the type, and Spark's ANSI mode refuses it.",
    ),
    (
        "csv-malformed",
        "org.apache.spark.SparkException: [MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION] Malformed records are "
        "detected in record parsing: [3,null].\n  because of java.lang.NumberFormatException: For input string: "
        '"not a number"',
        "program.py:7, Spark job 0 (parquet at NativeMethodAccessorImpl.java:0), Spark stage 0",
        "What to do (record malformed): A file of the source holds a line that is not of its schema.",
    ),
    (
        "driver-heap",
        "java.lang.OutOfMemoryError: Java heap space",
        "Spark job 0 (collect at program.py:5), Spark stage 0",
        "What to do (heap too small): A JVM's heap is full. Raise spark.driver.memory if it is the driver's (collect()",
    ),
    (
        "driver-heap-killed",
        "java.lang.OutOfMemoryError: Java heap space",
        "",
        "What to do (heap too small): A JVM's heap is full. Raise spark.driver.memory",
    ),
    (
        "result-size",
        "org.apache.spark.SparkException: Job aborted due to stage failure: Total size of serialized results of 1 "
        "tasks (106.6 MiB) is bigger than spark.driver.maxResultSize (20.0 MiB)",
        "program.py:5, Spark job 0 (collect at program.py:5)",
        "What to do (result too large for the driver): The program collects more rows than the driver may take.",
    ),
    (
        "worker-killed",
        "org.apache.spark.SparkException: Python worker exited unexpectedly (crashed).",
        "program.py:10, Spark stage 0",
        "What to do (Python worker killed): The Python process of an executor was ended from outside, most often by "
        "the system for its memory",
    ),
    (
        "python-memory",
        "MemoryError",
        "program.py:3",
        "What to do (Python out of memory): The Python process has no more memory.",
    ),
    (
        "python-version",
        "PySparkRuntimeError: [PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.9 than that in "
        "driver: 3.11",
        "program.py:5, Spark job 0 (collect at program.py:5), Spark stage 0",
        "What to do (wrong Python): Driver and executors run different Pythons. Set emr.python",
    ),
    (
        "python-missing",
        'java.io.IOException: Cannot run program "./environment/bin/python": error=2, No such file or directory',
        "program.py:5, Spark stage 0",
        "What to do (Python not found): The Python that PYSPARK_PYTHON names is not on the node.",
    ),
    (
        "cpu-bundle",
        "ImportError: cannot import name 'ArgsKwargs' from 'pydantic_core._pydantic_core' (unknown location)",
        "program.py:3",
        "What to do (library for another CPU): A native library is of another CPU, or of another Python, than the "
        "node. Build the bundle for the nodes: `lakegate package --arch aarch64` for Graviton",
    ),
    (
        "cpu-library",
        "ImportError: fastmath.abi3.so: cannot open shared object file: No such file or directory",
        "program.py:1",
        "What to do (library for another CPU): A native library is of another CPU",
    ),
    (
        "library-broken",
        "ImportError: fastmath.abi3.so: invalid ELF header",
        "program.py:1",
        "What to do (library damaged): A native library of the bundle is damaged or of another system.",
    ),
    (
        "glibc",
        "ImportError: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.99' not found (required by fastmath.abi3.so)",
        "program.py:1",
        "What to do (glibc too old): A native library needs a newer system than the release has.",
    ),
    (
        "java",
        "java.lang.UnsupportedClassVersionError: org/postgresql/Driver has been compiled by a more recent version of "
        "the Java Runtime",
        "program.py:5",
        "What to do (Java too old): A jar needs a newer Java than the release starts.",
    ),
    (
        "jars-conflict",
        "java.lang.NoSuchMethodError: 'void io.netty.channel.SingleThreadEventLoop.<init>(",
        "program.py:4",
        "What to do (jars that do not fit together): A jar of the job hides one of Spark's own with another version.",
    ),
    (
        "delta-missing",
        "org.apache.spark.SparkClassNotFoundException: [DATA_SOURCE_NOT_FOUND] Failed to find the data source: delta.",
        "program.py:5",
        "What to do (Delta missing): Spark has started without Delta. `lakegate submit` adds the release's jars; by "
        "hand: --jars /usr/share/aws/delta/lib/delta-spark.jar,/usr/share/aws/delta/lib/delta-storage.jar",
    ),
    (
        "delta-storage-missing",
        "com.google.common.util.concurrent.ExecutionError: java.lang.NoClassDefFoundError: io/delta/storage/LogStore",
        "program.py:5",
        "What to do (Delta's storage jar missing): delta-spark.jar is there without delta-storage.jar.",
    ),
    (
        "delta-conflict",
        "io.delta.exceptions.ConcurrentAppendException: [DELTA_CONCURRENT_APPEND.WITHOUT_HINT] Transaction conflict",
        "program.py:16 in write",
        "What to do (concurrent change): Another writer changed the same files of the table.",
    ),
    (
        "s3-denied",
        "java.nio.file.AccessDeniedException: s3://lake-bucket/denied/a.txt: getFileStatus on "
        "s3://lake-bucket/denied/a.txt: software.amazon.awssdk.services.s3.model.S3Exception: FORBIDDEN (Service: S3, "
        "Status Code: 403",
        "program.py:5",
        "What to do (access denied): The role of the cluster (or of the step: emr.runtime_role) lacks a permission.",
    ),
    (
        "s3-no-bucket",
        "org.apache.hadoop.fs.s3a.UnknownStoreException: `s3://no-such-bucket/a.txt': getFileStatus on",
        "program.py:5",
        "What to do (bucket missing): There is no bucket of that name. Mend lake.root or landing.root.",
    ),
    (
        "s3-slow-down",
        "org.apache.hadoop.fs.s3a.AWSServiceThrottledException: getFileStatus on s3://lake-bucket/a:",
        "program.py:5",
        "What to do (S3 throttled): S3 refuses so many requests on one prefix. Let fewer tasks write at once",
    ),
    (
        "s3-expired",
        "org.apache.hadoop.fs.s3a.AWSBadRequestException: listObjects() on s3://lake-bucket/a: "
        "software.amazon.awssdk.services.s3.model.S3Exception: The provided token has expired.",
        "program.py:5",
        "What to do (credentials expired): The credentials are expired or none. On a cluster give none by hand",
    ),
    (
        "disk-full",
        "OSError: [Errno 28] No space left on device",
        "program.py:2",
        "What to do (disk full): The disks of a node are full. Give the nodes more EBS",
    ),
    (
        "lakegate-column",
        "Job 'orders' has 1 fault(s); nothing was read or written. stage 'cleaned': jobs/orders.py:38 in cleaned: "
        "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column, variable, or function parameter with name `amonut` cannot be",
        "jobs/orders.py:38 in cleaned, stage 'cleaned' of job 'orders'",
        "What to do (column unknown): A column is asked for that the frame does not have.",
    ),
    (
        "lakegate-udf",
        "Stage 'silver.orders' of job 'orders' failed: PythonException: An exception was thrown from the Python "
        "worker. Please see the stack trace below. ZeroDivisionError: integer division or modulo by zero",
        "jobs/orders.py:39 in <lambda>, stage 'silver.orders' of job 'orders', Spark stage 4",
        NO_FAULT,
    ),
    (
        "lakegate-refused",
        "Frame 'cleaned' is refused and nothing of it is written: 1 row(s) break: amount >= 0",
        "stage 'silver.orders' of job 'orders', Spark stage 4",
        "What to do (data refused): The data is not as declared, and nothing of the load was written (exit code 3).",
    ),
    (
        "lakegate-duplicate",
        "Several rows for table 'silver.orders' have the same key (id) and no sequence_by says which is the latest",
        "stage 'silver.orders' of job 'orders'",
        "What to do (data refused): The data is not as declared",
    ),
    (
        "lakegate-delta-missing",
        "Spark was started on 'local[1]' without Delta's jars.",
        "",
        "What to do (Delta missing): Spark has started without Delta.",
    ),
    (
        "lakegate-lease",
        "The lease 'job-orders' is held by process ",
        "",
        "What to do (lease held): Another run of the job is alive. Wait for it (`lakegate runs JOB`)",
    ),
    (
        "lakegate-secret",
        "Job 'orders' has 1 fault(s); nothing was read or written. stage 'cleaned': jobs/orders.py:40 in cleaned: "
        "Secret 'orders_db.password' is missing",
        "jobs/orders.py:40 in cleaned, stage 'cleaned' of job 'orders'",
        "What to do (secret missing): Keep the secret in AWS Secrets Manager, set aws.secrets = true",
    ),
    (
        "lakegate-no-data",
        "nowhere/orders cannot be listed: nowhere/orders does not exist.",
        "",
        "What to do (path not found): There is nothing at the path.",
    ),
    (
        "lakegate-unknown-job",
        "No job is called 'ordres': a job NAME is the value `job` in jobs/NAME.py. There is: 'orders'.",
        "",
        "What to do (job or setting unknown): What was submitted is not of this project as it was packaged",
    ),
]


@pytest.mark.parametrize(("name", "cause", "at", "advice"), REAL, ids=[row[0] for row in REAL])
def test_why_of_a_job_that_really_failed(bucket: Bucket, name: str, cause: str, at: str, advice: str) -> None:
    emr = Emr(bucket, prefix=name)
    emr.put_failure(name)

    said = emr.run("why", STEP, "--cluster", CLUSTER)

    assert said.code == 0, said.err
    assert f"\nProbable cause: {cause}" in said.out
    assert (f"\n  at {at}\n" in said.out) if at else ("\n  at " not in said.out)
    assert f"\n{advice}" in said.out


def test_each_log_of_a_real_failure_is_looked_at() -> None:
    there = {file.name.split(".", 1)[0] for file in FAILURES.glob("*.gz")}
    assert {row[0] for row in REAL} == there - {"option"}  # which is spark-submit's own, and no driver's
    assert there == set(MADE)


def test_what_spark_submit_itself_refuses_is_found_in_the_logs_of_the_step(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="option")
    emr.put_step(stderr=(FAILURES / "option.stderr.gz").read_bytes())

    said = emr.run("why", STEP, "--cluster", CLUSTER).out

    assert "\nProbable cause: Unrecognized option: --executor-memroy\n" in said
    assert "\nWhat to do (option unknown): spark-submit does not know the option." in said


def test_where_it_was_read_is_said_with_object_and_lines(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="where")
    emr.put_failure("lakegate-refused")

    said = emr.run("why", STEP, "--cluster", CLUSTER).out

    container = "container_1763710000000_0001_01_000001"
    assert f"s3://test-why/where/{CLUSTER}/containers/{APPLICATION}/{container}/stdout.gz, lines 5 to 9:\n" in said
    assert "      6    1 row(s) break: amount >= 0\n" in said
    assert (
        f"`lakegate logs {STEP} --env test --cluster {CLUSTER}`, or in s3://test-why/where/{CLUSTER}/steps/{STEP}/"
        in said
    )


def test_in_client_mode_the_driver_is_the_process_of_the_step(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="client", args=CLIENT_MODE)
    streams = {name: (FAILURES / f"column.{name}.gz").read_bytes() for name in ("stdout", "stderr")}
    emr.put_step(**streams)
    emr.put_container(1, stderr="26/11/21 19:22:30 ERROR ApplicationMaster: RECEIVED SIGNAL TERM\n")

    said = emr.run("why", STEP, "--cluster", CLUSTER).out

    assert "\nProbable cause: AnalysisException: [UNRESOLVED_COLUMN.WITH_SUGGESTION]" in said
    assert f"/steps/{STEP}/stdout.gz, lines 2 to 13:" in said


def test_of_several_attempts_the_last_one_counts(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="attempts")
    emr.put_step(stderr=YARN_CLIENT)
    emr.put_container(1, attempt=1, stdout=(FAILURES / "table.stdout.gz").read_bytes())
    emr.put_container(1, attempt=2, stdout=(FAILURES / "column.stdout.gz").read_bytes())

    said = emr.run("why", STEP, "--cluster", CLUSTER).out

    assert "UNRESOLVED_COLUMN" in said
    assert "TABLE_OR_VIEW_NOT_FOUND" not in said


def test_where_the_last_attempt_does_not_know_an_earlier_one_may(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="earlier")
    emr.put_step(stderr=YARN_CLIENT)
    emr.put_container(1, attempt=1, stdout=(FAILURES / "table.stdout.gz").read_bytes())
    emr.put_container(1, attempt=2, stderr="26/11/21 19:22:30 INFO ApplicationMaster: Final app status: FAILED\n")
    assert "TABLE_OR_VIEW_NOT_FOUND" in emr.run("why", STEP, "--cluster", CLUSTER).out


def test_what_emr_says_of_the_failure_is_shown(bucket: Bucket) -> None:
    details = {"Reason": "Unknown Error.", "Message": "", "LogFile": f"s3://test-why/{CLUSTER}/steps/{STEP}/stderr.gz"}
    emr = Emr(bucket, prefix="details", details=details)
    emr.put_failure("table")

    said = emr.run("why", STEP, "--cluster", CLUSTER).out

    assert f"Step {STEP} (orders) is FAILED.\nEMR says: Unknown Error.\n  and names s3://test-why/{CLUSTER}/" in said


# -- composed: what needs a cluster with YARN -------------------------------------------------------------------------

LOST_TASKS = """\
26/11/21 19:22:10 INFO TaskSetManager: Starting task 0.3 in stage 2.0 (TID 7)
{yarn}
26/11/21 19:22:11 ERROR YarnClusterScheduler: Lost executor 3 on ip-10-0-0-7.ec2.internal: {reason}
26/11/21 19:22:11 ERROR TaskSetManager: Task 0 in stage 2.0 failed 4 times; aborting job
26/11/21 19:22:11 INFO DAGScheduler: Job 1 failed: save at program.py:10, took 12.5 s
"""
PY4J = """\
Traceback (most recent call last):
  File "/mnt/yarn/usercache/hadoop/appcache/{application}/container_1_0001_01_000001/program.py", line 10, in <module>
    frame.write.format("delta").save("s3://lake/out")
  File "/usr/lib/spark/python/lib/pyspark.zip/pyspark/errors/exceptions/captured.py", line 263, in deco
py4j.protocol.Py4JJavaError: An error occurred while calling o98.save.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 2.0 failed 4 times, most recent \
failure: Lost task 0.3 in stage 2.0 (TID 7) (ip-10-0-0-7.ec2.internal executor 3): ExecutorLostFailure (executor 3 \
exited caused by one of the running tasks) Reason: {reason}
Driver stacktrace:
\tat org.apache.spark.scheduler.DAGScheduler.failJobAndIndependentStages(DAGScheduler.scala:2856)
"""
YARN = [
    (
        "Container killed by YARN for exceeding physical memory limits. 5.6 GB of 5.5 GB physical memory used. "
        "Consider boosting spark.executor.memoryOverhead.",
        "What to do (container killed for its memory): YARN ended a container that took more memory than it had asked "
        "for; with Python it is most often the workers', outside of the heap. Raise spark.executor.memoryOverhead",
    ),
    (
        "Container from a bad node: container_1_0001_01_000004 on host: ip-10-0-0-7.ec2.internal. Exit status: 137. "
        "Diagnostics: Container killed on request. Exit code is 137",
        "What to do (killed): A process was ended from outside: 137 is most often the system, for its memory",
    ),
    (
        "Container from a bad node: container_1_0001_01_000004 on host: ip-10-0-0-7.ec2.internal. Exit status: 52. "
        "Possible causes: ",
        "What to do (heap too small): A JVM's heap is full.",
    ),
    (
        "Container from a bad node: container_1_0001_01_000004 on host: ip-10-0-0-7.ec2.internal. Exit status: 143.",
        "What to do (killed): A process was ended from outside",
    ),
    (
        "Container marked as failed: container_1_0001_01_000004 on host: ip-10-0-0-7.ec2.internal. Exit status: -100. "
        "Diagnostics: Container released on a *lost* node.",
        "What to do (node lost): A node went away, most often a spot instance that EC2 took back. Submit again",
    ),
    (
        "Executor decommission: worker decommissioned because of kill request",
        "What to do (node lost): A node went away, most often a spot instance",
    ),
]


@pytest.mark.parametrize(("reason", "advice"), YARN, ids=["memory", "137", "52", "143", "lost-node", "decommission"])
def test_composed_an_executor_that_yarn_or_ec2_took(bucket: Bucket, reason: str, advice: str) -> None:
    emr = Emr(bucket, prefix=str(abs(hash(reason))))
    emr.put_step(stderr=YARN_CLIENT)
    warned = f"26/11/21 19:22:11 WARN YarnAllocator: {reason}"
    emr.put_container(
        1,
        stdout=PY4J.format(application=APPLICATION, reason=reason),
        stderr=LOST_TASKS.format(yarn=warned, reason=reason),
    )

    said = emr.run("why", STEP, "--cluster", CLUSTER).out

    assert "\nProbable cause: ExecutorLostFailure (executor 3 exited caused by one of the running tasks)" in said
    assert f"Reason: {reason}" in said
    assert "\n  at program.py:10, Spark stage 2\n" in said
    assert f"\n{advice}" in said


def test_composed_a_driver_that_yarn_killed_says_so_only_in_the_step(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="driver-killed")
    limit = (
        "is running 120000000B beyond the 'PHYSICAL' memory limit. Current usage: 2.5 GB of 2.4 GB physical memory used"
    )
    diagnostics = (
        f"26/11/21 19:22:30 ERROR Client: Application diagnostics message: Application {APPLICATION} failed 1 times "
        f"due to AM Container for appattempt_1763710000000_0001_000001 exited with exitCode: -104\n"
        f"Failing this attempt.Diagnostics: [2026-11-21 19:22:29]Container [pid=7,containerID=container_1] {limit}\n"
    )
    emr.put_step(stderr=YARN_CLIENT.replace("26/11/21 19:22:30 ERROR", f"{diagnostics}26/11/21 19:22:30 ERROR"))
    emr.put_container(1, stderr="26/11/21 19:22:10 INFO TaskSetManager: Starting task 0.0 in stage 0.0 (TID 0)\n")

    said = emr.run("why", STEP, "--cluster", CLUSTER).out

    assert "beyond the 'PHYSICAL' memory limit" in said.split("\n  at ")[0].split("What to do")[0]
    assert "\nWhat to do (container killed for its memory): YARN ended a container" in said


def test_composed_what_only_an_executor_says_is_found_behind_a_driver_that_only_lost_it(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="executor")
    emr.put_step(stderr=YARN_CLIENT)
    emr.put_container(
        1,
        stdout="Traceback (most recent call last):\n"
        '  File "/mnt/x/container_1_0001_01_000001/program.py", line 10, in <module>\n'
        "py4j.protocol.Py4JNetworkError: Answer from Java side is empty\n",
    )
    emr.put_container(3, stderr="26/11/21 19:22:09 INFO Executor: Running task 0.0 in stage 2.0 (TID 4)\n")
    emr.put_container(2, stderr=(FAILURES / "driver-heap.stderr.gz").read_bytes())

    said = emr.run("why", STEP, "--cluster", CLUSTER).out

    assert "\nProbable cause: java.lang.OutOfMemoryError: Java heap space\n" in said
    assert "/container_1763710000000_0001_01_000002/stderr.gz, line" in said


def test_composed_a_warning_that_was_got_over_is_not_the_cause(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="got-over")
    emr.put_step(stderr=YARN_CLIENT)
    reason = YARN[4][0]
    emr.put_container(
        1,
        stderr=LOST_TASKS.format(yarn="", reason=reason),
        stdout=(FAILURES / "udf-divides-by-zero.stdout.gz").read_bytes(),
    )

    said = emr.run("why", STEP, "--cluster", CLUSTER).out

    assert "\nProbable cause: ZeroDivisionError: integer division or modulo by zero\n" in said
    assert NO_FAULT in said


def test_composed_a_shell_step_that_was_killed(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="bash", args=["bash", "-c", "./load.sh"])
    emr.put_step(
        controller="2026-11-21T19:22:31.000Z INFO waitProcessCompletion ended with exit code 137 : hadoop jar\n",
        stderr="./load.sh: line 3: 4711 Killed                  python load.py\n",
    )

    said = emr.run("why", STEP, "--cluster", CLUSTER).out

    assert "\nProbable cause: ./load.sh: line 3: 4711 Killed                  python load.py\n" in said
    assert "\nWhat to do (killed): A process was ended from outside" in said


def test_composed_what_only_the_controller_of_a_step_says(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="controller", args=["bash", "-c", "./load.sh"])
    emr.put_step(controller="2026-11-21T19:22:31.000Z INFO waitProcessCompletion ended with exit code 137 : hadoop\n")

    said = emr.run("why", STEP, "--cluster", CLUSTER).out

    assert "\nProbable cause: waitProcessCompletion ended with exit code 137 : hadoop\n" in said
    assert "\nWhat to do (killed):" in said


OTHERS = [
    (
        ["hive-script", "--run-hive-script"],
        "FAILED: SemanticException [Error 10001]: Line 3:5 Table not found 'orders'\n",
        "FAILED: SemanticException [Error 10001]: Line 3:5 Table not found 'orders'",
        "What to do (table not found): There is no table of that name.",
    ),
    (
        ["hive-script", "--hive-script"],
        "NoViableAltException(24@[])\nFAILED: ParseException line 1:7 cannot recognize input near 'FORM'\n",
        "ParseException line 1:7 cannot recognize input near 'FORM'",
        NO_FAULT,
    ),
    (
        ["hadoop-streaming", "-mapper", "m.py"],
        "26/11/21 19:22:10 INFO mapreduce.Job: Task Id : attempt_1_1_m_000000_0, Status : FAILED\n"
        "Error: java.lang.RuntimeException: PipeMapRed.waitOutputThreads(): subprocess failed with code 1\n"
        "\tat org.apache.hadoop.streaming.PipeMapRed.waitOutputThreads(PipeMapRed.java:326)\n"
        "26/11/21 19:22:12 ERROR streaming.StreamJob: Job not successful!\n",
        "java.lang.RuntimeException: PipeMapRed.waitOutputThreads(): subprocess failed with code 1",
        "What to do (mapper or reducer failed): The program of a hadoop-streaming step ended with an error",
    ),
    (
        ["flink", "run", "job.jar"],
        "------------------------------------------------------------\n"
        " The program finished with the following exception:\n"
        "\n"
        "org.apache.flink.client.program.ProgramInvocationException: The main method caused an error: no such topic\n"
        "\tat org.apache.flink.client.program.PackagedProgram.callMainMethod(PackagedProgram.java:372)\n"
        "Caused by: java.lang.IllegalStateException: no such topic\n"
        "\tat com.example.Job.main(Job.java:12)\n",
        "java.lang.IllegalStateException: no such topic",
        NO_FAULT,
    ),
    (
        ["s3-dist-cp", "--src", "s3://a"],
        'Exception in thread "main" java.lang.RuntimeException: Error running job\n'
        "\tat com.amazon.elasticmapreduce.s3distcp.S3DistCp.run(S3DistCp.java:1)\n"
        "Caused by: org.apache.hadoop.mapreduce.lib.input.InvalidInputException: Input path does not exist: hdfs:/x\n",
        "org.apache.hadoop.mapreduce.lib.input.InvalidInputException: Input path does not exist: hdfs:/x",
        NO_FAULT,
    ),
]


@pytest.mark.parametrize(("args", "log", "cause", "advice"), OTHERS, ids=[" ".join(row[0]) for row in OTHERS])
def test_composed_steps_that_are_not_spark_s(
    bucket: Bucket, args: list[str], log: str, cause: str, advice: str
) -> None:
    emr = Emr(bucket, prefix="-".join(args[:2]), args=args)
    emr.put_step(stderr=log, stdout="")

    said = emr.run("why", STEP, "--cluster", CLUSTER).out

    assert f"\nProbable cause: {cause}\n" in said
    assert f"\n{advice}" in said


def test_composed_what_mapreduce_logs_is_in_syslog(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="syslog", args=["hadoop-streaming", "-mapper", "m.py"])
    emr.put_step(stderr=f"26/11/21 19:22:02 INFO impl.YarnClientImpl: Submitted application {APPLICATION}\n")
    emr.put_container(1, syslog="2026-11-21 19:22:09,100 INFO [main] org.apache.hadoop.mapred.MapTask: fine\n")
    emr.put_container(2, syslog="2026-11-21 19:22:10,100 WARN [main] org.apache.hadoop.mapred.YarnChild: "
                      "Exception running child : java.lang.OutOfMemoryError: Java heap space\n")  # fmt: skip

    said = emr.run("why", STEP, "--cluster", CLUSTER).out

    assert "java.lang.OutOfMemoryError: Java heap space\n" in said
    assert "_000002/syslog.gz, line 1:" in said
    assert "What to do (heap too small)" in said


# -- nothing to see ---------------------------------------------------------------------------------------------------


def test_where_nothing_is_recognised_the_last_lines_are_shown(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="nothing", args=["bash", "-c", "./load.sh"])
    emr.put_step(stderr="".join(f"line {number}\n" for number in range(40)))

    said = emr.run("why", STEP, "--cluster", CLUSTER)

    assert said.code == 0
    assert "\nNo cause is to be seen.\n" in said.out
    assert f"/steps/{STEP}/stderr.gz ends with:\n  line 25\n" in said.out
    assert "  line 39\n" in said.out


def test_logs_that_are_not_there_yet_are_said_to_come(bucket: Bucket) -> None:
    said = Emr(bucket, prefix="none-yet").run("why", STEP, "--cluster", CLUSTER)

    assert said.code == 0
    assert f"There are no logs yet in s3://test-why/none-yet/{CLUSTER}/steps/{STEP}/" in said.out
    assert "EMR uploads them every five minutes." in said.out


def test_without_a_log_uri_what_emr_says_is_all_there_is(bucket: Bucket) -> None:
    details = {"Reason": "", "Message": "User: x is not authorized to perform: s3:GetObject"}
    emr = Emr(bucket, cluster={"LogUri": ""}, details=details)

    said = emr.run("why", STEP, "--cluster", CLUSTER)

    assert said.code == 0
    assert "\nEMR says: User: x is not authorized to perform: s3:GetObject\n" in said.out
    assert "\nWhat to do (access denied): The role of the cluster" in said.out
    without = Emr(bucket, cluster={"LogUri": ""}).run("why", STEP, "--cluster", CLUSTER).out
    assert "The cluster keeps no logs: it has no log URI. Set emr.cluster.log_uri" in without


def test_logs_that_cannot_be_read_hide_nothing_of_what_emr_says(bucket: Bucket) -> None:
    details = {"Reason": "", "Message": "java.lang.OutOfMemoryError: Java heap space"}
    emr = Emr(bucket, cluster={"LogUri": "s3://no-such-bucket/logs/"}, details=details)

    said = emr.run("why", STEP, "--cluster", CLUSTER)

    assert said.code == 0
    assert "\nEMR says: java.lang.OutOfMemoryError: Java heap space\n" in said.out
    assert "\nWhat to do (heap too small):" in said.out
    assert "\nThe logs cannot be read: AWS did not do ListObjectsV2: NoSuchBucket:" in said.out


def test_a_step_that_runs_has_no_cause_yet(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="runs", state="RUNNING")
    emr.put_step(controller="2026-11-21T19:22:31.000Z INFO Step created jobs\n")
    assert "It has not ended, and its logs show no failure yet." in emr.run("why", STEP, "--cluster", CLUSTER).out


def test_the_cluster_of_the_settings_is_asked(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="settings")
    emr.put_failure("table")
    assert "TABLE_OR_VIEW_NOT_FOUND" in emr.run("why", STEP, "--set", f"emr.cluster_id={CLUSTER}").out


@pytest.mark.parametrize(
    ("arguments", "rest"),
    [
        (("--cluster", CLUSTER), f"--env test --cluster {CLUSTER}"),
        (("--set", f"emr.cluster_id={CLUSTER}"), f"--env test --set emr.cluster_id={CLUSTER} --cluster {CLUSTER}"),
        (
            ("--cluster", CLUSTER, "--env", "local", "--set", "aws.region=eu-west-1", "--set", "lake.root=a b"),
            f"--env local --set aws.region=eu-west-1 --cluster {CLUSTER}",
        ),
    ],
)
def test_what_is_printed_to_be_typed_next_asks_the_same_cluster(
    bucket: Bucket, arguments: tuple[str, ...], rest: str
) -> None:
    emr = Emr(bucket, prefix="next")
    emr.put_failure("table")
    assert f"\nAll of it: `lakegate logs {STEP} {rest}`, or in s3://" in emr.run("why", STEP, *arguments).out


def test_unknown_steps_and_clusters_are_errors(bucket: Bucket) -> None:
    emr = Emr(bucket)
    of_step = emr.run("why", "s-NONE", "--cluster", CLUSTER)
    assert (of_step.code, type(of_step.error)) == (1, UnknownStepError)
    of_cluster = emr.run("why", STEP, "--cluster", "j-NONE")
    assert (of_cluster.code, type(of_cluster.error)) == (1, UnknownClusterError)
    neither = emr.run("why", "flights")
    assert (neither.code, type(neither.error)) == (2, NeitherStepNorClusterError)


def test_a_refusal_that_is_about_neither_stays_aws_s_own(bucket: Bucket) -> None:
    emr = Emr(bucket, answers={"describe_step": [refusal("DescribeStep", "InternalServerException", "later")]})
    said = emr.run("why", STEP, "--cluster", CLUSTER)
    assert (said.code, "DescribeStep: InternalServerException: later" in said.err) == (1, True)


def test_a_log_that_was_cut_short_is_read_as_far_as_it_goes(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="cut")
    whole = gzip.compress((gzip.decompress((FAILURES / "column.stdout.gz").read_bytes()) * 50), 1)
    emr.put_step(stderr=YARN_CLIENT)
    emr.put_container(1, stdout=whole[:-200])
    assert "UNRESOLVED_COLUMN" in emr.run("why", STEP, "--cluster", CLUSTER).out
