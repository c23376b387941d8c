"""Known faults of jobs on EMR: by which words of a log each is recognised, and what to do about it.

The order is that of the causes: where a log shows several, what stands first here has led to what stands below it.
"""

import re
from dataclasses import dataclass, field

DELTA_JARS = "/usr/share/aws/delta/lib/delta-spark.jar,/usr/share/aws/delta/lib/delta-storage.jar"
FRAME = re.compile(r"\s+(?:at |File \"|\.\.\. \d+ more)")


@dataclass(frozen=True, slots=True)
class Fault:
    """One known fault; a line that matches `pattern` is the proof of it."""

    name: str
    pattern: str
    advice: str
    compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "compiled", re.compile(self.pattern))


FAULTS = (
    # the data, as Lakegate refuses it
    Fault(
        "data refused",
        r"is refused and nothing of it is written|^(?:Error: )?Several rows for table "
        r"|row\(s\) for table .* have NULL in"
        r"|have a header that is not the row model's|of a slice that the batch has not touched"
        r"|does not get the columns that it declares|User application exited with (?:status|exit code) 3\b",
        "The data is not as declared, and nothing of the load was written (exit code 3). Mend the source or the row "
        "model and submit the job again: the bookmark has not moved.",
    ),
    Fault(
        "lease held",
        r"The lease '.*' is held by",
        "Another run of the job is alive. Wait for it (`lakegate runs JOB`), or end it after its batch with `lakegate "
        "stop JOB`.",
    ),
    Fault(
        "concurrent change",
        r"was changed by other writers|Concurrent(?:Append|DeleteRead|DeleteDelete|Write|Transaction|Modification)"
        r"Exception|MetadataChangedException|DELTA_CONCURRENT_\w+|DELTA_METADATA_CHANGED",
        "Another writer changed the same files of the table. Run it again when that one is done; let one job write a "
        "table, or partition it by what each writes.",
    ),
    Fault(
        "secret missing",
        r"Secret '.*' is missing",
        "Keep the secret in AWS Secrets Manager, set aws.secrets = true, and let the role of the cluster (or of the "
        "step) call secretsmanager:GetSecretValue.",
    ),
    # Delta
    Fault(
        "Delta's storage jar missing",
        r"NoClassDefFoundError: io/delta/storage|ClassNotFoundException: io\.delta\.storage",
        "delta-spark.jar is there without delta-storage.jar. `lakegate submit` gives both; by hand: "
        f"--jars {DELTA_JARS}.",
    ),
    Fault(
        "Delta of another version",
        r"(?:NoSuchMethodError|NoSuchFieldError|IncompatibleClassChangeError|AbstractMethodError|NoClassDefFoundError)"
        r".*(?:delta|org[./]apache[./]spark[./]sql)",
        f"Delta and Spark do not fit together. Use the release's own jars (--jars {DELTA_JARS}), and no --packages "
        "io.delta:... besides.",
    ),
    Fault(
        "Delta missing",
        r"without Delta's jars|ClassNotFoundException: (?:io\.delta|delta|org\.apache\.spark\.sql\.delta)"
        r"|Failed to find (?:the )?data source: delta|Cannot use io\.delta|No module named 'delta'",
        "Spark has started without Delta. `lakegate submit` adds the release's jars; by hand: "
        f"--jars {DELTA_JARS}, or the classification delta-defaults with delta.enabled=true.",
    ),
    # Python, CPU and libraries
    Fault(
        "wrong Python",
        r"PYTHON_VERSION_MISMATCH|Python in worker has different version|is not supported by this version of PySpark",
        "Driver and executors run different Pythons. Set emr.python to one that the release has; by hand set both "
        "spark.yarn.appMasterEnv.PYSPARK_PYTHON and spark.executorEnv.PYSPARK_PYTHON.",
    ),
    Fault(
        "Python not found",
        r"Cannot run program \"[^\"]*python[^\"]*\": error=2",
        "The Python that PYSPARK_PYTHON names is not on the node. Name one of the release (/usr/bin/python3.11); one "
        "of an archive is there only if --archives FILE#NAME unpacks it, and in client mode not for the driver.",
    ),
    Fault(
        "library for another CPU",
        r"ImportError: .*\.so[\w.]*: (?:cannot open shared object file|wrong ELF class)|cannot import name .* from "
        r"'[\w.]+\._\w+' \(unknown location\)|No module named '[\w.]+\._\w+'|Exec format error",
        "A native library is of another CPU, or of another Python, than the node. Build the bundle for the nodes: "
        "`lakegate package --arch aarch64` for Graviton, x86_64 for the others, and emr.python as on the cluster.",
    ),
    Fault(
        "library damaged",
        r"invalid ELF header|file too short",
        "A native library of the bundle is damaged or of another system. Build it again with `lakegate package`.",
    ),
    Fault(
        "glibc too old",
        r"version `GLIBC(?:XX)?_[\d.]+' not found",
        "A native library needs a newer system than the release has. Build the bundle for this release with `lakegate "
        "package --release LABEL`, or pin an older version of the library.",
    ),
    Fault(
        "module missing",
        r"(?:ModuleNotFoundError|ImportError): No module named",
        "The module is not in the bundle. Add it to the project's dependencies in pyproject.toml, and submit again: "
        "the bundle goes to the driver and to each executor.",
    ),
    Fault(
        "Java too old",
        r"UnsupportedClassVersionError",
        "A jar needs a newer Java than the release starts. Take a version of the jar for the Java of the release "
        "(`lakegate releases`).",
    ),
    Fault(
        "jars that do not fit together",
        r"NoSuchMethodError|NoSuchFieldError|IncompatibleClassChangeError|AbstractMethodError",
        "A jar of the job hides one of Spark's own with another version. Take it out of emr.conf (spark.jars.packages, "
        "extraClassPath), or exclude it there: spark.jars.excludes; in a step written by hand, out of --jars.",
    ),
    Fault(
        "class missing",
        r"ClassNotFoundException: |NoClassDefFoundError: |No suitable driver|has no JDBC driver",
        "A jar is missing on the class path. For a job on a cluster name it in emr.conf, as spark.jars.packages = "
        '"group:artifact:version": spark-submit fetches it from Maven. In a step written by hand, give it with --jars.',
    ),
    # memory
    Fault(
        "result too large for the driver",
        r"is bigger than (?:local )?(?:maxResultSize|spark\.driver\.maxResultSize)",
        "The program collects more rows than the driver may take. Write them to a table instead of collect() or "
        "toPandas(), or raise spark.driver.maxResultSize and the driver's memory.",
    ),
    Fault(
        "container killed for its memory",
        r"Container killed by YARN for exceeding|running (?:\d+B )?beyond (?:the )?'?(?i:physical|virtual)'? "
        r"memory limit"
        r"|elastic cgroups OOM|oom-kill",
        "YARN ended a container that took more memory than it had asked for; with Python it is most often the "
        "workers', outside of the heap. Raise spark.executor.memoryOverhead (spark.driver.memoryOverhead for the "
        "driver), set spark.executor.pyspark.memory, or let fewer tasks run at once (spark.executor.cores).",
    ),
    Fault(
        "heap too small",
        r"java\.lang\.OutOfMemoryError|GC overhead limit exceeded|Exit status: 52\b|exit code 52\b",
        "A JVM's heap is full. Raise spark.driver.memory if it is the driver's (collect(), a broadcast, many files), "
        "else spark.executor.memory or the number of partitions (spark.sql.shuffle.partitions).",
    ),
    Fault(
        "Python out of memory",
        r"^\s*MemoryError\b|numpy\.\S*ArrayMemoryError",
        "The Python process has no more memory. Work in DataFrames instead of Python objects, or raise "
        "spark.driver.memoryOverhead (executors: spark.executor.memoryOverhead).",
    ),
    Fault(
        "Python worker killed",
        r"Python worker exited unexpectedly|Python worker process terminated|MLlib.*worker crashed",
        "The Python process of an executor was ended from outside, most often by the system for its memory, or by a "
        "native library. Raise spark.executor.memoryOverhead; to see where it was, set "
        "spark.python.worker.faulthandler.enabled=true.",
    ),
    # nodes
    Fault(
        "node lost",
        r"Container released on a \*lost\* node|[Ee]xecutor decommission|[Nn]ode .*(?:decommissioned|marked as lost)"
        r"|Worker Decommissioned|spot interruption|Slave lost|[Ee]xit status: -100\b",
        "A node went away, most often a spot instance that EC2 took back. Submit again: what is committed is not "
        "loaded twice. Keep the core nodes on demand and use spot for task nodes, or let Spark decommission executors.",
    ),
    Fault(
        "disk full",
        r"No space left on device|Disk quota exceeded|local-dirs (?:are|turned) bad|usable space is below",
        "The disks of a node are full. Give the nodes more EBS, write fewer rows to shuffles and caches, or more "
        "partitions on more nodes.",
    ),
    # S3, Glue and credentials
    Fault(
        "credentials expired",
        r"ExpiredToken|security token included in the request is (?:expired|invalid)|InvalidAccessKeyId"
        r"|InvalidClientTokenId"
        r"|Unable to load (?:AWS )?credentials|NoCredentialsError",
        "The credentials are expired or none. On a cluster give none by hand: its role renews them; look for "
        "fs.s3a.access.key, AWS_* variables and the token of a person among the settings.",
    ),
    Fault(
        "access denied",
        r"AccessDenied|Access Denied|is not authorized to perform|Status Code: 403|Forbidden|Permission denied",
        "The role of the cluster (or of the step: emr.runtime_role) lacks a permission. Allow it the action that the "
        "line names on the bucket and on its objects, and kms:Decrypt and kms:GenerateDataKey where there is a key.",
    ),
    Fault(
        "bucket missing",
        r"NoSuchBucket|Bucket (?:\S+ )?does not exist|UnknownStoreException",
        "There is no bucket of that name. Mend lake.root or landing.root.",
    ),
    Fault(
        "S3 throttled",
        r"SlowDown|Status Code: 503|AWSServiceThrottledException|AWSServiceIOException.*503|reduce your request rate",
        "S3 refuses so many requests on one prefix. Let fewer tasks write at once, compact small files, raise "
        "fs.s3a.retry.throttle.limit, and submit again: S3 makes room for a prefix within minutes.",
    ),
    Fault(
        "Glue or Hive metastore",
        r"AWSGlue|MetaException|Unable to instantiate .*HiveMetaStoreClient|EntityNotFoundException.*Database"
        r"|HiveException: .*(?:MetaStore|metastore)",
        "The catalog cannot be asked. The role needs glue:GetDatabase, GetTable(s), CreateTable and UpdateTable; the "
        'database needs a location; and catalog.kind = "glue" the classification spark-hive-site on the cluster.',
    ),
    # what is asked of Spark
    Fault(
        "column unknown",
        r"UNRESOLVED_COLUMN|UNRESOLVED_FIELD|FIELD_NOT_FOUND|DELTA_MERGE_UNRESOLVED_EXPRESSION"
        r"|cannot resolve '.*' given input columns",
        "A column is asked for that the frame does not have. `lakegate check JOB` finds each such place, with its "
        "line, without a cluster.",
    ),
    Fault(
        "mapper or reducer failed",
        r"PipeMapRed\S* subprocess failed with code \d+|Cannot run program \"[^\"]*\": error=2",
        "The program of a hadoop-streaming step ended with an error, or is not on the nodes: send it with -files, and "
        "let it begin with #!. What it said is in stderr of its container: `lakegate logs STEP --executor N`.",
    ),
    Fault(
        "table not found",
        r"TABLE_OR_VIEW_NOT_FOUND|SemanticException.*[Tt]able not found|SCHEMA_NOT_FOUND"
        r"|DELTA_(?:TABLE_NOT_FOUND|MISSING_DELTA_TABLE|PATH_DOES_NOT_EXIST)"
        r"|Table '.*' does not exist at|is not a Delta table",
        "There is no table of that name. Run the job that loads it, or mend lake.root and catalog.kind.",
    ),
    Fault(
        "value cannot be cast",
        r"CAST_INVALID_INPUT|CAST_OVERFLOW|CANNOT_PARSE_TIMESTAMP|NUMERIC_VALUE_OUT_OF_RANGE|ARITHMETIC_OVERFLOW"
        r"|DIVIDE_BY_ZERO",
        "A value does not fit the type, and Spark's ANSI mode refuses it. Take it out in the transform, or use "
        "try_cast (try_divide, ...), which makes it NULL.",
    ),
    Fault(
        "record malformed",
        r"MALFORMED_(?:RECORD_IN_PARSING|CSV_RECORD)|Malformed records are detected|BadRecordException",
        "A file of the source holds a line that is not of its schema. Read it with files(...), which keeps such lines "
        "aside in a table of their own, or mend the file.",
    ),
    Fault(
        "path not found",
        r"PATH_NOT_FOUND|Path does not exist|cannot be listed|landing\.root elsewhere|FAILED_READ_FILE\.FILE_NOT_EXIST",
        "There is nothing at the path. Mend landing.root, or let the job wait until the files are there.",
    ),
    # how it was submitted
    Fault(
        "job or setting unknown",
        r"^(?:Error: )?No job is called|^(?:Error: )?No environment is called|^(?:Error: )?Setting '.*' .*is refused",
        "What was submitted is not of this project as it was packaged: look at the spelling, then submit again.",
    ),
    Fault(
        "option unknown",
        r"Error: Unrecognized option|Error: Missing application resource|Unknown/unsupported param",
        "spark-submit does not know the option. `lakegate submit JOB --dry-run` prints the step as it is sent.",
    ),
    Fault(
        "program missing",
        r"can't open file '|Error: Could not find or load main class|: command not found|No such file or directory: "
        r"'?/?[^']*\.(?:py|sh|jar)",
        "The program of the step is not where the step says. Submit it again with `lakegate submit`, which uploads "
        "what is missing.",
    ),
    # last: what a killed process leaves
    Fault(
        "killed",
        r"[Ee]xit(?:ed with)? (?:status|code|value)(?: is)?:? (?:a non-zero exit code )?(?:137|143)\b"
        r"|exitCode:? ?(?:137|143)\b|non-zero exit code (?:137|143)\b"
        r"|: line \d+: +\d+ Killed|Killed by external signal|RECEIVED SIGNAL TERM|ret val (?:137|143)\b",
        "A process was ended from outside: 137 is most often the system, for its memory; 143 is YARN or somebody who "
        "cancelled. Look at the memory of the node, and raise spark.executor.memoryOverhead.",
    ),
)


def recognise(text: str) -> tuple[Fault, str] | None:
    """Return the first known fault that a text shows, and the line that shows it."""
    lines = [line for line in text.splitlines() if not FRAME.match(line)]
    for fault in FAULTS:
        for line in lines:
            if fault.compiled.search(line):
                return fault, line
    return None
