"""Every error that Lakegate raises on purpose.

Each class is a fact, carries its data as attributes, and is also the builtin that it resembles. The message says what
is wrong, why, and how to mend it. `exit_code` is what the command line ends with: 1 failed, 2 usage, 3 data refused.

LakegateError
├── UsageError (2)                  what was typed, or the project it was typed in
│   ├── UnknownJobError · JobImportError · ForeignJobsError
│   ├── UnknownEnvironmentError · SettingError
│   ├── UnknownParameterError · ParameterValueError · MissingParameterError
│   ├── UnknownWorkError · AmbiguousWorkError · ChainParameterError · CredentialRefusedError
│   ├── FileExistsRefusedError · NotAProjectError · NotIncrementalError · UnansweredError
│   └── NeitherStepNorClusterError · UndeclaredTableError · UnknownTableError
├── JobError (2)                    how a job is written
│   ├── UnknownFrameError · DuplicateFrameError · UnusedFrameError · CycleError
│   ├── FunctionError · ParameterConflictError · DuplicateLoadError · DeclarationError · UnsafeLoadError
│   └── CheckFailedError · ActionError
├── DataRefusedError (3)            what the data is; nothing of the load is written
│   ├── LandingError · FileNameError · HeaderMismatchError · DatabaseError
│   ├── ExpectationFailedError · FrameMismatchError
│   ├── NullKeyError · DuplicateKeyError · SequenceError · UntouchedSliceError
│   └── PeriodError · ContradictionError · OperationError · SnapshotError · ConstraintBrokenError
├── TableError (1)                  what a table in the lake is
│   ├── TableNotFoundError · TableMismatchError · UnknownSnapshotError · ChangesMissingError
│   ├── MigrationRefusedError · MigrationStoppedError · ForeignFilesError · NoTimeError
│   └── UnreadableTableError · OverlapError · NoHistoryError · RestoreRefusedError · ErasureRefusedError
├── StateError (1)                  what earlier runs left
│   ├── PlanChangedError · PinVanishedError · BookmarkSourceError · LostPlanError · DamagedStateError
│   ├── UnknownRunError · RestoredTableError
│   └── BackfillRefusedError · RollbackRefusedError
├── ConcurrencyError (1)            what other runs do at the same time
│   └── LeaseHeldError · LeaseLostError · StaleEpochError · ConflictError · SystemTimeMovedError
├── SetupError (1)                  what the machine lacks
│   ├── JavaError · SparkStartError · VersionError · DeltaMissingError · DriverMissingError
│   └── StorageError · NotLocalError · LakeNotWritableError · SecretMissingError
├── EmrError (1)                    clusters, steps and what is sent to them
│   ├── UnknownReleaseError · ReleaseMismatchError · AwsRefusedError
│   ├── BundleToolMissingError · WheelError · NoWheelError · UnreachableIndexError
│   ├── DependencyError · UnfitDependencyError · BundleMissingError · BundleDamagedError · StaleBundleError
│   ├── ClusterNotFoundError · AmbiguousClusterError · UnknownClusterError · UnknownStepError
│   ├── UnknownApplicationError · UnsupportedSettingError · MixedArchitectureError · ConfigurationClashError
│   ├── SecurityConfigurationError · TransientClusterError
│   ├── NotOfAClusterError · StepTooLongError · StepLimitError · StepConcurrencyError · RuntimeRoleError · BucketError
│   ├── ClusterStateError · ClusterReleaseError · ClusterArchitectureError · ApplicationMissingError
│   ├── PreflightError · LostAnswerError · OtherStepsError · OtherArgumentsError
│   ├── StepTimeoutError · StepsFailedError · ClusterEndedError
│   ├── LostClusterError · ClusterFailedError · ClusterTimeoutError · ClusterProtectedError · ResizeError
│   └── NoLogUriError · LogsMissingError
├── LocalEmrError (1)               the EMR that runs on this machine
│   ├── JarsMissingError · LoopbackError · DaemonFailedError
│   ├── AlreadyRunningError · NotRunningError · UnknownNodeError · NodeStateError
│   ├── ProgramUsageError · PythonMissingError
│   ├── LocalEmrMissingError · FolderNameError · ForeignFolderError · PortTakenError
│   └── NotStartedError · RunsOtherwiseError
├── StageFailedError (1)            anything else that a stage raised
└── SparkFailedError (1)            anything else that Spark raised, outside of a stage
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import ClassVar


def alternatives(name: str, known: Iterable[str]) -> str:
    """Name what there is, and what was probably meant."""
    names = sorted(set(known))
    listed = ", ".join(repr(n) for n in names) or "none"
    return f"There is: {listed}.{meant(name, names)}"


def meant(name: str, known: Iterable[str]) -> str:
    """Ask for what was probably meant; nothing where no name is like it."""
    close = get_close_matches(name, sorted(set(known)), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


class LakegateError(Exception):
    """The base of every error that Lakegate raises on purpose."""

    exit_code: ClassVar[int] = 1


# -- usage ------------------------------------------------------------------------------------------------------------


class UsageError(LakegateError):
    """A command was typed wrongly, or in the wrong place."""

    exit_code = 2


class UnknownJobError(UsageError, LookupError):
    """No file of jobs/ defines the job that was named."""

    def __init__(self, job: str, known: Sequence[str]) -> None:
        self.job, self.known = job, tuple(known)
        super().__init__(
            f"No job is called {job!r}: a job NAME is the value `job` in jobs/NAME.py. {alternatives(job, known)}"
        )


class JobImportError(UsageError, ImportError):
    """The file of a job cannot be imported, or does not define `job`."""

    def __init__(self, job: str, reason: str) -> None:
        self.job = job
        super().__init__(f"jobs/{job}.py cannot be used: {reason}")


class ForeignJobsError(UsageError, ImportError):
    """The package `jobs` that Python found is not the one of this project."""

    def __init__(self, found: str, project: str) -> None:
        self.found, self.project = found, project
        super().__init__(
            f"The package `jobs` was imported from {found}, but this project's is {project}. Another installed package "
            "carries a `jobs` of its own, or PYTHONPATH names another project. Uninstall it or unset PYTHONPATH."
        )


class NotAProjectError(UsageError, FileNotFoundError):
    """There is no project here, and the jobs of none are installed."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        super().__init__(
            f"There is no project in {folder} or above it (jobs/ beside conf/ or pyproject.toml), and no package "
            "`jobs` is installed. Change to a project, or make one with `lakegate init DIR`."
        )


class NotIncrementalError(UsageError, ValueError):
    """A job was to go on for ever, and reads everything each time."""

    def __init__(self, job: str) -> None:
        self.job = job
        super().__init__(
            f"Job {job!r} has no incremental source, so --continuous would read everything again and again. Read "
            "incremental(...) or changes(...), or let a scheduler start it."
        )


class UnansweredError(UsageError, RuntimeError):  # typer would take an EOFError for its own
    """A command asked, and nobody can answer: its standard input is closed."""

    def __init__(self, question: str) -> None:
        self.question = question
        super().__init__(
            f"Nothing was changed: nobody answered {question!r}, since the standard input is closed. Where nobody can "
            "answer, say --yes."
        )


class FileExistsRefusedError(UsageError, FileExistsError):
    """A file that would be made is there already."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = tuple(paths)
        super().__init__(f"Nothing was written: {', '.join(paths)} exists already. Choose another name, or remove it.")


class UnknownEnvironmentError(UsageError, LookupError):
    """No conf/<environment>.toml exists."""

    def __init__(self, environment: str, known: Sequence[str], folder: str) -> None:
        self.environment, self.known = environment, tuple(known)
        super().__init__(
            f"No environment is called {environment!r}: {folder}/{environment}.toml does not exist. "
            f"{alternatives(environment, known)}"
        )


class SettingError(UsageError, ValueError):
    """A setting is unknown, or its value does not fit; secrets are never repeated here."""

    def __init__(self, setting: str, reason: str, origin: str = "the settings") -> None:
        self.setting, self.reason = setting, reason
        super().__init__(f"Setting {setting!r} of {origin} is refused: {reason}")


class UnknownParameterError(UsageError, LookupError):
    """A run was given a parameter that no stage of the job takes."""

    def __init__(self, job: str, parameter: str, known: Sequence[str]) -> None:
        self.job, self.parameter, self.known = job, parameter, tuple(known)
        super().__init__(f"Job {job!r} has no parameter {parameter!r}. {alternatives(parameter, known)}")


class ParameterValueError(UsageError, ValueError):
    """A run parameter's value is not of the parameter's type."""

    def __init__(self, job: str, parameter: str, expected: str, reason: str) -> None:
        self.job, self.parameter, self.expected = job, parameter, expected
        super().__init__(f"Parameter {parameter!r} of job {job!r} must be {expected}: {reason}.")


class MissingParameterError(UsageError, ValueError):
    """A run was not given a parameter that has no default."""

    def __init__(self, job: str, missing: Sequence[str]) -> None:
        self.job, self.missing = job, tuple(missing)
        flags = " ".join(f"--{name.replace('_', '-')} VALUE" for name in missing)
        super().__init__(f"Job {job!r} needs {', '.join(map(repr, missing))}, which have no default. Add {flags}.")


class NeitherStepNorClusterError(UsageError, ValueError):
    """What was typed has the form of no step's id, and of no cluster's."""

    def __init__(self, typed: str) -> None:
        self.typed = typed
        super().__init__(
            f"{typed!r} is the id of no step (s-...) and of no cluster (j-...). `lakegate steps` and `lakegate cluster "
            "list` print them."
        )


class UndeclaredTableError(UsageError, LookupError):
    """No job, or more than one, says what a table is declared to be."""

    def __init__(self, table: str, reason: str, jobs: Sequence[str]) -> None:
        self.table, self.jobs = table, tuple(jobs)
        super().__init__(
            f"What table {table!r} is declared to be is not known: {reason}. Say which job loads it: "
            f"lakegate migrate {table} --job JOB. The jobs are: {', '.join(jobs)}."
        )


class UnknownTableError(UsageError, LookupError):
    """A table was named that no job of this project loads or maintains."""

    def __init__(self, table: str, known: Iterable[str]) -> None:
        self.table = table
        super().__init__(f"No job of this project loads or maintains {table!r}. {alternatives(table, known)}")


class UnknownWorkError(UsageError, LookupError):
    """What is to be submitted is no job and no step of the settings."""

    def __init__(self, name: str, known: Sequence[str], environment: str) -> None:
        self.name, self.known, self.environment = name, tuple(known), environment
        super().__init__(
            f"Neither a job nor a step of [[emr.steps]] in environment {environment!r} is called {name!r}. "
            f"{alternatives(name, known)}"
        )


class AmbiguousWorkError(UsageError, LookupError):
    """A job and a step of the settings have the same name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"Both jobs/{name}.py and a step of [[emr.steps]] are called {name!r}. Rename the step in the settings."
        )


class ChainParameterError(UsageError, ValueError):
    """The parameters of jobs are given in a way that does not say whose they are."""

    def __init__(self, parameter: str, reason: str) -> None:
        self.parameter = parameter
        super().__init__(f"{parameter} is refused: {reason}. In a chain, say --param JOB.NAME=VALUE.")


class CredentialRefusedError(UsageError, ValueError):
    """A secret would be sent where others can read it; it is not repeated here."""

    def __init__(self, where: str, reason: str) -> None:
        self.where = where
        super().__init__(
            f"{where} is refused: {reason}, and steps are shown to whoever may list them. Keep secrets in AWS Secrets "
            "Manager (aws.secrets = true) and use roles for S3."
        )


# -- jobs -------------------------------------------------------------------------------------------------------------


class JobError(LakegateError):
    """A job is written in a way that cannot run; raised when it is built, before any Spark starts."""

    exit_code = 2


class UnknownFrameError(JobError, LookupError):
    """A stage takes a frame that no stage makes."""

    def __init__(
        self, job: str, stage: str, frame: str, known: Sequence[str], why: str = "which no stage makes"
    ) -> None:
        self.job, self.stage, self.frame, self.known = job, stage, frame, tuple(known)
        super().__init__(
            f"Stage {stage!r} of job {job!r} takes the frame {frame!r}, {why}. {alternatives(frame, known)}"
        )


class DuplicateFrameError(JobError, ValueError):
    """Two stages make a frame of the same name."""

    def __init__(self, job: str, frame: str) -> None:
        self.job, self.frame = job, frame
        super().__init__(
            f"Two stages of job {job!r} make the frame {frame!r}, so its readers could get either. "
            "Rename one: transform(function, name=...)."
        )


class UnusedFrameError(JobError, ValueError):
    """A stage makes a frame that no stage takes, so it would never be computed."""

    def __init__(self, job: str, unused: Sequence[str]) -> None:
        self.job, self.unused = job, tuple(unused)
        super().__init__(
            f"Job {job!r} makes {', '.join(map(repr, unused))} for nobody: no transform takes it and no load writes "
            "it. Load it, or take the stage out."
        )


class CycleError(JobError, ValueError):
    """Stages wait for each other."""

    def __init__(self, job: str, stages: Sequence[str]) -> None:
        self.job, self.stages = job, tuple(stages)
        super().__init__(f"Stages of job {job!r} wait for each other: {' -> '.join(stages)}. Break the circle.")


class FunctionError(JobError, TypeError):
    """A function cannot be a stage as it is written."""

    def __init__(self, function: str, reason: str) -> None:
        self.function = function
        super().__init__(f"{function} cannot be a stage: {reason}")


class ParameterConflictError(JobError, ValueError):
    """Two functions take a run parameter of one name with different types or defaults."""

    def __init__(self, job: str, parameter: str, first: str, second: str) -> None:
        self.job, self.parameter = job, parameter
        super().__init__(
            f"Run parameter {parameter!r} of job {job!r} is {first} and also {second}. One name is one flag: make them "
            f"agree, or bind one with transform(function, {parameter}=...)."
        )


class DuplicateLoadError(JobError, ValueError):
    """Two loads of a job have one name, so the commit of one would pass for the other's."""

    def __init__(self, job: str, load: str) -> None:
        self.job, self.load = job, load
        super().__init__(f"Two loads of job {job!r} are called {load!r}. Give one a name: load(..., name=...).")


class DeclarationError(JobError, ValueError):
    """A value that declares something (a row model, a table, a source, a write, a stage) contradicts itself."""

    def __init__(self, subject: str, reason: str) -> None:
        self.subject = subject
        super().__init__(f"{subject} is declared wrongly: {reason}")


class UnsafeLoadError(JobError, ValueError):
    """A load would lose or double rows with the source that its frame comes from."""

    def __init__(self, job: str, load: str, reason: str, way_out: str) -> None:
        self.job, self.load = job, load
        super().__init__(f"Load {load!r} of job {job!r} is refused: {reason}. {way_out}.")


class CheckFailedError(JobError, ValueError):
    """A job does not compile on empty frames."""

    def __init__(self, job: str, faults: Sequence[object]) -> None:
        self.job, self.faults = job, tuple(faults)
        listed = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(f"Job {job!r} has {len(self.faults)} fault(s); nothing was read or written.\n{listed}")


class ActionError(JobError, RuntimeError):
    """A transform calls an action, which would read data while the job is only being compiled."""

    def __init__(self, action: str) -> None:
        self.action = action
        super().__init__(
            f"It calls {action}, an action. A transform only describes its result: use an aggregation or a join, "
            "name a pivot's values, or make it an extract of your own."
        )


# -- data -------------------------------------------------------------------------------------------------------------


class DataRefusedError(LakegateError):
    """The data is not what was declared; nothing of the load is written."""

    exit_code = 3


class LandingError(DataRefusedError, FileNotFoundError):
    """A source's folder is missing or holds no file."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        super().__init__(
            f"{path} {reason}. Put the files there, or point landing.root elsewhere "
            "(--set landing.root=DIR or LAKEGATE_LANDING__ROOT)."
        )


class FileNameError(DataRefusedError, ValueError):
    """A file has a name by which Hadoop, and so Spark, cannot open it."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        super().__init__(f"The file {path} cannot be read: {reason}. Rename it, or take it out of the landing folder.")


class HeaderMismatchError(DataRefusedError, ValueError):
    """The header of a CSV file is not the columns of its row model."""

    def __init__(self, source: str, expected: Sequence[str], found: Mapping[str, Sequence[str]]) -> None:
        self.source, self.expected, self.found = source, tuple(expected), dict(found)
        listed = "\n".join(f"  {path}: {_difference(expected, columns)}" for path, columns in found.items())
        super().__init__(
            f"{len(self.found)} file(s) of source {source!r} have a header that is not the row model's:\n{listed}\n"
            "Mend the files, or change the row model."
        )


class DatabaseError(DataRefusedError, OSError):
    """A database cannot be reached, or refuses what is asked of it; the words are its own."""

    def __init__(self, table: str, words: str) -> None:
        self.table, self.words = table, words
        super().__init__(
            f"{table} cannot be read from its database: {words}. Mend the url, the user, the secret of its password, "
            "or the table's name, or try again when the database answers."
        )


class ExpectationFailedError(DataRefusedError, ValueError):
    """Rows of a frame break rules whose action is `fail`."""

    def __init__(self, frame: str, broken: Mapping[str, int], examples: Sequence[str]) -> None:
        self.frame, self.broken, self.examples = frame, dict(broken), tuple(examples)
        rules = "\n".join(f"  {count} row(s) break: {rule}" for rule, count in broken.items())
        rows = "\n".join(f"  {row}" for row in examples)
        super().__init__(
            f"Frame {frame!r} is refused and nothing of it is written:\n{rules}\nfor example\n{rows}\n"
            "Mend the source, handle these rows in the transform, or relax the row model."
        )


class UntouchedSliceError(DataRefusedError, ValueError):
    """Rows derived from what a batch has written are of a slice that the batch has not touched."""

    def __init__(self, table: str, by: str, touched: int) -> None:
        self.table, self.by = table, by
        super().__init__(
            f"Rows for table {table!r} are of a {by!r} that is not among the {touched:,} that this batch has touched. "
            "Of such a slice they need not hold everything, and the rest of it would be removed. Take the value from "
            f"the column {by!r} of written(...) as it is, or use upsert()."
        )


class FrameMismatchError(DataRefusedError, ValueError):
    """A frame's columns are not the ones that its row model or table declares."""

    def __init__(self, subject: str, differences: Sequence[str], has: Sequence[str]) -> None:
        self.subject, self.differences, self.has = subject, tuple(differences), tuple(has)
        super().__init__(
            f"{subject} does not get the columns that it declares: {'; '.join(differences)}. "
            f"The frame has: {', '.join(map(repr, has))}.{self._meant()}"
        )

    def _meant(self) -> str:
        """Ask for the columns that were probably meant by those that lack."""
        lacking = (found[1] for each in self.differences if (found := re.match("it lacks '([^']+)'", each)))
        return "".join(dict.fromkeys(meant(name, self.has) for name in lacking))


class NullKeyError(DataRefusedError, ValueError):
    """Rows of a merge have NULL in a key column, or what Delta keeps as NULL."""

    def __init__(self, table: str, keys: Sequence[str], rows: int, *, of_changes: bool = False) -> None:
        self.table, self.keys, self.rows = table, tuple(keys), rows
        feed = (
            " What a feed has of no row, apply_changes() takes by truncate_when= or ignore_when=." if of_changes else ""
        )
        super().__init__(
            f"{rows} row(s) for table {table!r} have NULL in a key column ({', '.join(keys)}), or '' in one that it is "
            "partitioned by, which Delta keeps as NULL. So they match nothing and would be inserted again by every "
            f"run. Fill the key, or take these rows out in the transform.{feed}"
        )


class DuplicateKeyError(DataRefusedError, ValueError):
    """Several rows of a merge have the same key, and nothing says which is meant."""

    def __init__(self, table: str, keys: Sequence[str], examples: Sequence[str], *, sequenced: bool) -> None:
        self.table, self.keys, self.examples = table, tuple(keys), tuple(examples)
        why = "and the same sequence but other values" if sequenced else "and no sequence_by says which is the latest"
        super().__init__(
            f"Several rows for table {table!r} have the same key ({', '.join(keys)}) {why}, for example "
            f"{'; '.join(examples)}. Take the duplicates out in the transform, or order them with sequence_by=..."
        )


class SequenceError(DataRefusedError, ValueError):
    """Rows of a merge have NULL in the sequence column."""

    def __init__(self, table: str, column: str, rows: int) -> None:
        self.table, self.column, self.rows = table, column, rows
        super().__init__(
            f"{rows} row(s) for table {table!r} have NULL in the sequence column {column!r}, so their order is "
            "unknown. Fill it, or take these rows out in the transform."
        )


class PeriodError(DataRefusedError, ValueError):
    """Changes are about periods that hold no time, or of which an end is missing."""

    def __init__(self, subject: str, rows: int, examples: Sequence[str]) -> None:
        self.subject, self.rows, self.examples = subject, rows, tuple(examples)
        super().__init__(
            f"{subject}: {rows} row(s) have a period that is empty, inverted, or without a beginning, for example "
            f"{'; '.join(examples)}. A period begins before it ends, and its end is not part of it; NULL as its end "
            "means for ever. Mend it, or take these rows out in the transform."
        )


class SnapshotError(DataRefusedError, ValueError):
    """A full snapshot comes after a later one, is of no one time, or is not full."""

    def __init__(self, subject: str, reason: str) -> None:
        self.subject, self.reason = subject, reason
        super().__init__(f"{subject} {reason}.")

    @classmethod
    def late(cls, subject: str, at: str, last: str) -> "SnapshotError":
        """Say that a later one was loaded before."""
        reason = f"is a snapshot of {at}, and one of {last} was loaded before: what is known since would be lost"
        if at == last:
            reason = f"is of {at}, which was loaded before without it. What corrects a snapshot is for a later one"
        return cls(subject, f"{reason}. Take it away and run again, with --replan if other loads of its batch are in")

    @classmethod
    def of_no_time(cls, subject: str, at: str) -> "SnapshotError":
        """Say of which time, or times, it is."""
        reason = f"is of {at}, and a full snapshot is of one time, by which what it lacks ends"
        return cls(subject, f"{reason}. Let a batch be one: incremental(files(...), dated=..., snapshots=True)")

    @classmethod
    def malformed(cls, subject: str, number: int, examples: Sequence[str]) -> "SnapshotError":
        """Say how many records are not of their row model."""
        reason = (
            f"comes from {number:,} malformed record(s), and a key that is lacking would end: {'; '.join(examples)}"
        )
        return cls(subject, f"{reason}. Mend the file, or let the row model take them and mend them in a transform")


class ContradictionError(DataRefusedError, ValueError):
    """Changes of one key and one sequence say different things of the same time."""

    def __init__(self, subject: str, examples: Sequence[str], sequence: str | None = None) -> None:
        self.subject, self.examples, self.sequence = subject, tuple(examples), sequence
        same, order = f"of the same {sequence}", "Take one of them out in the transform, or give it another"
        if sequence is None:
            same, order = (
                "without a sequence",
                "Order them with sequence_by=..., or take one of them out in the transform",
            )
        super().__init__(
            f"{subject}: changes {same} say different things of the same time, for example {'; '.join(examples)}. "
            f"{order}."
        )


class OperationError(DataRefusedError, ValueError):
    """A column that says what a change does, or which columns it sets, holds something else."""

    def __init__(
        self, table: str, column: str, found: Sequence[str], known: Sequence[str], says: str = "what a row does"
    ) -> None:
        self.table, self.column, self.found, self.says = table, column, tuple(found), says
        super().__init__(
            f"Column {column!r} of the rows for table {table!r} holds {', '.join(found)}. It says {says}: "
            f"{', '.join(map(repr, known))}. Mend it in the transform, or take these rows out."
        )


class ConstraintBrokenError(DataRefusedError, ValueError):
    """Rows break what their table enforces: NOT NULL, or a CHECK constraint."""

    def __init__(self, table: str, reason: str) -> None:
        self.table, self.reason = table, reason
        super().__init__(
            f"Table {table!r} refuses the rows; nothing was written: {reason}. Leave such rows out in the transform, "
            "or alter the row model and run `lakegate migrate`."
        )


# -- tables -----------------------------------------------------------------------------------------------------------


class TableError(LakegateError):
    """A table in the lake is not what a job needs."""


class TableNotFoundError(TableError, LookupError):
    """A table was read that no job has written yet."""

    def __init__(self, table: str, path: str) -> None:
        self.table, self.path = table, path
        how = "It is made when there is something to keep in it" if table.startswith("_lakegate.") else "Run its job"
        super().__init__(f"Table {table!r} does not exist at {path}. {how}; or mend lake.root, if it should be there.")


class TableMismatchError(TableError, ValueError):
    """A table in the lake differs from its declaration in a way that a load must not change."""

    def __init__(self, table: str, path: str, differences: Sequence[str]) -> None:
        self.table, self.path, self.differences = table, path, tuple(differences)
        listed = "\n".join(f"  {difference}" for difference in differences)
        super().__init__(
            f"Table {table!r} at {path} is not as declared; nothing was written:\n{listed}\n"
            "Nothing of it is altered that its declaration does not allow a load to alter."
        )


class ForeignFilesError(TableError, FileExistsError):
    """Delta makes no table in a folder that holds something else; nothing was written."""

    def __init__(self, table: str, path: str) -> None:
        self.table, self.path = table, path
        super().__init__(
            f"Table {table!r} cannot be made: {path} is no Delta table, and holds files. Delta makes none beside them. "
            "Move them away, or give the table another name."
        )


class MigrationRefusedError(TableError, ValueError):
    """A table cannot be made what it is declared to be, or not by what was asked for; nothing was altered."""

    def __init__(self, table: str, reasons: Sequence[str]) -> None:
        self.table, self.reasons = table, tuple(reasons)
        listed = "\n".join(f"  {reason}" for reason in reasons)
        super().__init__(f"Table {table!r} is not migrated; nothing was altered:\n{listed}")


class MigrationStoppedError(TableError, RuntimeError):
    """Delta refused a change in the midst of a migration."""

    def __init__(self, table: str, change: str, reason: str) -> None:
        self.table, self.change = table, change
        super().__init__(
            f"The migration of table {table!r} stopped before it could {change}: {reason}. What came before that is "
            "done, and the table can be read. Mend what is said and migrate again: that begins with what still differs."
        )


class ErasureRefusedError(TableError, ValueError):
    """A person cannot be erased as asked; nothing was removed."""

    def __init__(self, table: str, reasons: Sequence[str]) -> None:
        self.table, self.reasons = table, tuple(reasons)
        listed = "\n".join(f"  {reason}" for reason in reasons)
        super().__init__(f"Nobody is erased from {table!r}, and nothing was removed:\n{listed}")


class UnknownSnapshotError(TableError, LookupError):
    """A table has no snapshot at the version or time that was asked for."""

    def __init__(self, table: str, asked: str, reason: str) -> None:
        self.table, self.asked = table, asked
        super().__init__(f"Table {table!r} has no snapshot as of {asked}: {reason}")


class ChangesMissingError(TableError, LookupError):
    """A table keeps no change feed of the versions that are to be read."""

    def __init__(self, table: str, reason: str) -> None:
        self.table = table
        super().__init__(
            f"The changes of table {table!r} cannot be read: {reason}. A table keeps them once it is declared with "
            'properties={"delta.enableChangeDataFeed": "true"}, for as long as its old files are kept. Changes that '
            "are gone unread come back from a backup only; else give the job another name, and its loads other tables: "
            "a job of a new name begins with a snapshot."
        )


class NoHistoryError(TableError, ValueError):
    """A table was asked as of a time that it does not keep."""

    def __init__(self, table: str, axis: str) -> None:
        self.table, self.axis = table, axis
        super().__init__(
            f"Table {table!r} keeps no {axis} time: what keeps it are loads with bitemporal(), and valid time only "
            "scd2() and apply_changes(). Read it as of a version or a timestamp of its commits, or load it with one."
        )


class NoTimeError(TableError, TypeError):
    """A table is asked as of something that is no time."""

    def __init__(self, value: object) -> None:
        self.value = value
        super().__init__(f"{value!r} is no time. Give a date, or a datetime, which is UTC where it has no zone.")


class OverlapError(TableError, ValueError):
    """A table believes two things of one key at one time."""

    def __init__(self, periods: Sequence[str]) -> None:
        self.periods = tuple(periods)
        super().__init__(
            f"The table believes two things of a key at one time: {' and '.join(periods)}. Lakegate never writes that, "
            "so something else wrote to the table: close one of them by hand."
        )


class UnreadableTableError(TableError, OSError):
    """The log of a table cannot be read, or names files that cannot be."""

    def __init__(self, table: str, path: str, words: str, version: int | None = None) -> None:
        self.table, self.path, self.words, self.version = table, path, words, version
        as_of = "" if version is None else f" as of version {version}"
        super().__init__(
            f"Table {table!r} cannot be read{as_of}: {words}. Where files of it are gone, they were vacuumed or "
            f"removed by hand: restore them, and those of its log that are damaged, at {path} from a backup; or where "
            "the log is whole read a version whose files are there (--version N, --run RUN)."
        )


class RestoreRefusedError(TableError, ValueError):
    """A table cannot be restored to a version; nothing was changed."""

    def __init__(self, table: str, version: int, reasons: Sequence[str]) -> None:
        self.table, self.version, self.reasons = table, version, tuple(reasons)
        listed = "\n".join(f"  {reason}" for reason in reasons)
        super().__init__(f"Table {table!r} cannot be restored to version {version}; nothing was changed:\n{listed}")


# -- state ------------------------------------------------------------------------------------------------------------


class StateError(LakegateError):
    """What earlier runs left does not fit to what is asked now."""


class PlanChangedError(StateError, ValueError):
    """The interrupted batch was planned for other parameters than the ones given now."""

    def __init__(self, job: str, batch: int, changes: Sequence[str]) -> None:
        self.job, self.batch, self.changes = job, batch, tuple(changes)
        super().__init__(
            f"Batch {batch} of job {job!r} was interrupted and must be finished as it was planned, but "
            f"{'; '.join(changes)}. Run it with the planned values first, or plan the rest of it anew with --replan."
        )


class PinVanishedError(StateError, FileNotFoundError):
    """An input that the plan of a batch names is gone or was rewritten."""

    def __init__(self, frame: str, gone: Sequence[str]) -> None:
        self.frame, self.gone = frame, tuple(gone)
        shown = ", ".join(gone[:5]) + (", ..." if len(gone) > 5 else "")
        super().__init__(
            f"The plan of the batch reads {frame!r} from {shown}, which is gone or was rewritten since. "
            "Restore it, or plan the rest of the batch anew with --replan."
        )


class BookmarkSourceError(StateError, ValueError):
    """The bookmark of a job is of another source than the one that the job reads now."""

    def __init__(self, theirs: str, ours: str) -> None:
        self.theirs, self.ours = theirs, ours
        super().__init__(
            f"The job's bookmark is of {theirs}, and the job reads {ours} now: what lies there before the bookmark "
            f"would never be read. Read {theirs} again, or give the job another name: a job of a new name has no "
            f"bookmark and reads all of {ours}. A load that appends then needs another table, unless its own holds "
            "none of these rows."
        )


class LostPlanError(StateError, LookupError):
    """Tables hold a batch whose plan is gone, so nobody knows what it has read."""

    def __init__(self, job: str, batch: str, path: str) -> None:
        self.job, self.path = job, path
        super().__init__(
            f"The tables of job {job!r} hold its batch {batch}, and its plan is not at {path}: what the batch has read "
            "is unknown, so the next one could read it again. Restore the file, or go back with `lakegate rollback` "
            "to a run whose plan is there."
        )


class DamagedStateError(StateError, ValueError):
    """A file of the framework's own state is not what it should be."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        super().__init__(
            f"The file {path} is damaged: {reason}. Restore it from a backup. If it is the plan of a batch of which no "
            "load is in, --replan does without it; if it is a lease and no run is alive, remove it."
        )


class UnknownRunError(StateError, LookupError):
    """No finished run of that name is known; `job` is None where the name is not that of a run of any job."""

    def __init__(self, job: str | None, run_id: str | None) -> None:
        self.job, self.run_id = job, run_id
        whose = "No job of this project" if job is None else f"Job {job!r}"
        what = f"{whose} has {'a' if job is None else 'no finished'} run" + ("" if run_id is None else f" {run_id!r}")
        super().__init__(f"{what}. `{' '.join(filter(None, ['lakegate runs', job]))}` lists what there is.")


class RestoredTableError(StateError, RuntimeError):
    """Somebody restored a table to before what a job has loaded, so rows are gone that count as read."""

    def __init__(self, table: str, version: int, job: str) -> None:
        self.table, self.version, self.job = table, version, job
        super().__init__(
            f"Table {table!r} was restored by hand (version {version}) after a load of job {job!r}: rows are gone that "
            "count as read. Restore it to the version before that, or go back with `lakegate rollback`, which moves "
            "the bookmark too."
        )


class BackfillRefusedError(StateError, ValueError):
    """A job cannot be run over a past interval as it is written, or as its last run left it."""

    def __init__(self, job: str, reason: str) -> None:
        self.job = job
        super().__init__(f"Job {job!r} cannot be backfilled: {reason}.")


class RollbackRefusedError(StateError, ValueError):
    """A job cannot go back to that run; nothing was changed."""

    def __init__(self, job: str, run_id: str, reasons: Sequence[str]) -> None:
        self.job, self.run_id, self.reasons = job, run_id, tuple(reasons)
        listed = "\n".join(f"  {reason}" for reason in reasons)
        super().__init__(f"Job {job!r} cannot go back to run {run_id!r}; nothing was changed:\n{listed}")


# -- concurrency ------------------------------------------------------------------------------------------------------


class ConcurrencyError(LakegateError):
    """Another run is in the way, or has taken over."""


class LeaseHeldError(ConcurrencyError, TimeoutError):
    """Another run holds the lease and is alive."""

    def __init__(self, lease: str, holder: str) -> None:
        self.lease, self.holder = lease, holder
        super().__init__(
            f"The lease {lease!r} is held by {holder}, which is alive. Wait for it to end, or stop it "
            "(`lakegate stop JOB` ends it after the batch in hand)."
        )


class LeaseLostError(ConcurrencyError, RuntimeError):
    """This run was silent for so long that another one has taken over."""

    def __init__(self, lease: str) -> None:
        self.lease = lease
        super().__init__(
            f"The lease {lease!r} was lost: this run showed no sign of life for lease.expiry seconds, and another one "
            "may go on in its place. What it has committed stays; run it again to see that all is in."
        )


class StaleEpochError(ConcurrencyError, RuntimeError):
    """A load belongs to batches that a rollback has undone, or that others have gone past."""

    def __init__(self, table: str, ours: str, theirs: str) -> None:
        self.table, self.ours, self.theirs = table, ours, theirs
        super().__init__(
            f"Table {table!r} is at batch {theirs} of this load, so batch {ours} is refused: the job was rolled back, "
            "or another run went on meanwhile. Nothing was written; run the job again."
        )


class SystemTimeMovedError(ConcurrencyError, RuntimeError):
    """Another writer has told a table something at a later time than a load is about to; the load is made again."""

    def __init__(self, table: str, system_time: str) -> None:
        self.table, self.system_time = table, system_time
        super().__init__(
            f"Table {table!r} was told something at or after {system_time}, by a writer whose clock is ahead. The load "
            "is made again, at a later time. If that goes on, set the clocks of the writers."
        )


class ConflictError(ConcurrencyError, RuntimeError):
    """Other writers changed the table each time that it was to be written."""

    def __init__(self, table: str, tries: int, last: str) -> None:
        self.table, self.tries = table, tries
        super().__init__(
            f"Table {table!r} was changed by other writers in each of {tries} tries to write it (last: {last}). "
            "Nothing of that was written. Run it again when they are done, or partition the table by what they write."
        )


# -- machine ----------------------------------------------------------------------------------------------------------


class SetupError(LakegateError):
    """The machine lacks what a run needs."""


class JavaError(SetupError, OSError):
    """No Java that Spark runs on is to be found."""

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(
            f"Spark needs Java 17 or 21, and {found}. Install it (Debian: apt-get install openjdk-17-jre-headless; "
            "Fedora and Amazon Linux: dnf install java-17-amazon-corretto-headless; macOS: brew install openjdk@17) "
            "or set JAVA_HOME."
        )


class SparkStartError(SetupError, RuntimeError):
    """Spark's JVM ended before it could be spoken to."""

    def __init__(self, known: str) -> None:
        self.known = known
        super().__init__(
            f"Spark did not start; its own messages are above, and {known}. It needs Java 17 or 21, and at its "
            "first start a way to Maven Central for Delta's jars."
        )


class VersionError(SetupError, ImportError):
    """Spark or Delta is missing, or of a version that Lakegate is not tested with."""

    def __init__(self, found: str, lanes: Sequence[str]) -> None:
        self.found, self.lanes = found, tuple(lanes)
        super().__init__(
            f"{found}. Lakegate runs on {' or '.join(lanes)}: install the extra lakegate[spark] or lakegate[spark35], "
            "or choose an EMR release that has them."
        )


class DeltaMissingError(SetupError, ImportError):
    """Spark runs without Delta's jars, where they cannot be fetched."""

    def __init__(self, master: str) -> None:
        self.master = master
        super().__init__(
            f"Spark was started on {master!r} without Delta's jars. On EMR add to spark-submit: --jars "
            "/usr/share/aws/delta/lib/delta-spark.jar,/usr/share/aws/delta/lib/delta-storage.jar"
        )


class NotLocalError(SetupError, ConnectionError):
    """Settings that are for an EMR on this machine would reach AWS itself."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        super().__init__(
            f"These settings are for an EMR on this machine (aws.local), and this shell's endpoint is {endpoint}. "
            "Nothing was asked of it. Start one, and point this shell at it: `lakegate local-emr start`, then "
            '`eval "$(lakegate local-emr env)"`.'
        )


class StorageError(SetupError, OSError):
    """A disk, a bucket or a file system does not do what it is asked."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}. Mend the place or its permissions, and run again.")


class DriverMissingError(SetupError, ImportError):
    """Spark runs without the JDBC driver of a database."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(
            f"Spark has no JDBC driver for {url}. Where spark.jars is 'maven', name the driver's Maven package in "
            'spark.packages ("org.postgresql:postgresql:42.7.7"); elsewhere give its jar to spark-submit with --jars. '
            "If it is there, name its class: jdbc(..., driver=...)."
        )


class LakeNotWritableError(SetupError, PermissionError):
    """The lake's root cannot be written to."""

    def __init__(self, root: str, reason: str) -> None:
        self.root = root
        super().__init__(
            f"The lake {root} cannot be written to: {reason}. Mend its permissions, or point lake.root elsewhere "
            "(--set lake.root=DIR or LAKEGATE_LAKE__ROOT)."
        )


class SecretMissingError(SetupError, LookupError):
    """A secret is in none of the places where secrets are looked for; what a secret is, is never said."""

    def __init__(self, name: str, variable: str, looked: Sequence[str]) -> None:
        self.name, self.variable, self.looked = name, variable, tuple(looked)
        super().__init__(
            f"Secret {name!r} is missing; looked for in {'; in '.join(looked)}. Set {variable}, or keep it in AWS "
            "Secrets Manager and set aws.secrets = true."
        )


# -- EMR --------------------------------------------------------------------------------------------------------------


class EmrError(LakegateError):
    """A cluster, a step, or what is sent to one is not right."""


class UnknownReleaseError(EmrError, LookupError):
    """No release of EMR is called so, or it is older than Delta Lake on EMR."""

    def __init__(self, label: str, known: Sequence[str]) -> None:
        self.label, self.known = label, tuple(known)
        typed = label.rpartition("-")[2]
        # By its number first: `emr-8.2` is more like emr-7.2.0, and means emr-spark-8.2.0.
        near = [each for each in known if f"{each.rpartition('-')[2]}.".startswith(f"{typed}.")]
        close = near or get_close_matches(label, known, n=1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
        super().__init__(
            f"No EMR release that brings Delta Lake is called {label!r}.{meant} `lakegate releases --all` lists them."
        )


class ReleaseMismatchError(EmrError, ValueError):
    """A release of EMR lacks what a job, or the cluster that is asked for, needs."""

    def __init__(self, release: str, reasons: Sequence[str], fitting: Sequence[str]) -> None:
        self.release, self.reasons, self.fitting = release, tuple(reasons), tuple(fitting)
        choose = f"What fits: {', '.join(fitting)} ([emr] release)." if fitting else "No release that is known fits."
        super().__init__(f"{release} does not fit. {' '.join(reasons)} {choose}")


class AwsRefusedError(EmrError, RuntimeError):
    """AWS refused a call, or was not to be reached."""

    def __init__(self, operation: str, code: str, reason: str) -> None:
        self.operation, self.code, self.reason = operation, code, reason
        said = ": ".join(filter(None, [code, reason.rstrip(".")]))
        is_here = "://127.0.0.1" in reason or "://localhost" in reason
        mend = (
            'Does the EMR on this machine run (`lakegate local-emr status`)? After each start: `eval "$(lakegate '
            'local-emr env)"`.'
            if is_here
            else "Look at the credentials (`aws sts get-caller-identity`), their permissions, the region ([aws] "
            "region) and the network."
        )
        super().__init__(f"AWS did not do {operation}: {said}. {mend}")


class ClusterNotFoundError(EmrError, LookupError):
    """No active cluster has the name that the settings give."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name, self.known = name, tuple(known)
        super().__init__(
            f"No active cluster is called {name!r}. {alternatives(name, known)} Make it with `lakegate cluster "
            "create`, or name another: --set emr.cluster_id=j-..., or emr.cluster.name."
        )


class AmbiguousClusterError(EmrError, LookupError):
    """Several active clusters have the same name."""

    def __init__(self, name: str, found: Sequence[str]) -> None:
        self.name, self.found = name, tuple(found)
        super().__init__(
            f"{len(found)} active clusters are called {name!r}: {', '.join(found)}. Say which: --set emr.cluster_id=ID."
        )


class BundleToolMissingError(EmrError, ImportError):
    """What builds and checks bundles is not installed."""

    def __init__(self, tool: str) -> None:
        self.tool = tool
        super().__init__(f"A bundle is built with {tool}, which is not installed here: pip install 'lakegate[emr]'.")


class WheelError(EmrError, ValueError):
    """The wheel of lakegate, or of the project's jobs, cannot be made."""

    def __init__(self, wheel: str, reason: str) -> None:
        self.wheel, self.reason = wheel, reason
        super().__init__(f"The wheel of {wheel} cannot be made: {reason}")


class NoWheelError(EmrError, LookupError):
    """A dependency has no wheel that runs on the nodes."""

    def __init__(self, packages: Sequence[str], platform: str) -> None:
        self.packages, self.platform = tuple(packages), platform
        super().__init__(
            f"There is no wheel of {', '.join(packages)} for {platform}, and nothing is compiled for another CPU here. "
            "Choose a version that has one; or other nodes (emr.architecture, emr.python, emr.release); or build the "
            "wheel on such a machine (pip wheel) and name its folder in UV_FIND_LINKS."
        )


class UnreachableIndexError(EmrError, ConnectionError):
    """The package index cannot be reached, and what is needed was never fetched before."""

    def __init__(self, words: str) -> None:
        self.words = words
        super().__init__(
            "The wheels for the cluster cannot be fetched. Look at the network and the proxy (HTTPS_PROXY), or at the "
            f"index that uv is told to use (UV_DEFAULT_INDEX, UV_OFFLINE). uv said:\n{words}"
        )


class DependencyError(EmrError, ValueError):
    """The dependencies of a project cannot be had as they are locked."""

    def __init__(self, platform: str, words: str) -> None:
        self.platform, self.words = platform, words
        super().__init__(
            f"The dependencies for {platform} cannot be had in the versions of requirements/runtime.txt, or without "
            "such a file in those that are installed here. Mend pyproject.toml, lock or install again. uv "
            f"said:\n{words}"
        )


class UnfitDependencyError(EmrError, ValueError):
    """Dependencies would not load on the nodes, or are not those that were locked."""

    def __init__(self, platform: str, faults: Sequence[str]) -> None:
        self.platform, self.faults = platform, tuple(faults)
        listed = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(
            f"The bundle would not run on {platform}; nothing was written:\n{listed}\nInstall here what is "
            "missing, choose other versions or other nodes, or lock again: uv pip compile --universal "
            "--generate-hashes pyproject.toml -o requirements/runtime.txt"
        )


class BundleMissingError(EmrError, FileNotFoundError):
    """No bundle was built for these nodes."""

    def __init__(self, manifest: str, folder: str, command: str) -> None:
        self.manifest, self.folder, self.command = manifest, folder, command
        super().__init__(
            f"There is no {manifest} in {folder}. Run `{command}` first: it builds what jobs need on the nodes that "
            "the settings name."
        )


class BundleDamagedError(EmrError, ValueError):
    """A file of a bundle is not the one that was built."""

    def __init__(self, path: str, reason: str, command: str) -> None:
        self.path, self.reason, self.command = path, reason, command
        super().__init__(f"{path} cannot be sent: {reason}. Run `{command}` again.")


class StaleBundleError(EmrError, ValueError):
    """A bundle is not of the project as it is now."""

    def __init__(self, files: Mapping[str, str], left_out: Sequence[str], command: str) -> None:
        self.files, self.left_out, self.command = dict(files), tuple(left_out), command
        named = [f"{name} ({how})" for name, how in list(files.items())[:3]]
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        reason = f" The wheel's build leaves out {', '.join(left_out)}: see pyproject.toml." if left_out else ""
        super().__init__(
            f"The bundle in dist/ is not of this project as it is now: {', '.join(named)}{more}. The cluster would run "
            f"what was packaged. Run `{command}` again.{reason}"
        )


class UnknownApplicationError(EmrError, LookupError):
    """A release does not bring an application that a cluster is to have."""

    def __init__(self, release: str, application: str, known: Sequence[str]) -> None:
        self.release, self.application, self.known = release, application, tuple(known)
        super().__init__(
            f"{release} does not bring {application!r}. {alternatives(application, known)} Take it out of "
            "emr.cluster.applications, or choose a release that has it: `lakegate releases`."
        )


class UnsupportedSettingError(EmrError, ValueError):
    """A setting asks for what the release does not have."""

    def __init__(self, release: str, setting: str, reason: str) -> None:
        self.release, self.setting = release, setting
        super().__init__(f"Setting {setting!r} does not fit {release}: {reason}. Change it, or emr.release.")


class MixedArchitectureError(EmrError, ValueError):
    """Nodes of a cluster have another CPU than the one that bundles are built for."""

    def __init__(self, architecture: str, others: Sequence[str]) -> None:
        self.architecture, self.others = architecture, tuple(others)
        super().__init__(
            f"emr.architecture is {architecture}, and {', '.join(others)} is not: a bundle's native libraries would "
            "not load there. Choose other instance types, or set emr.architecture for all of them."
        )


class ConfigurationClashError(EmrError, ValueError):
    """Two sources of a classification give one property different values."""

    def __init__(self, classification: str, name: str, ours: str, theirs: str) -> None:
        self.classification, self.property = classification, name
        super().__init__(
            f"Property {name!r} of the classification {classification!r} is {ours!r}, which follows from the release "
            f"and the settings, and {theirs!r} in emr.cluster.configurations. Take it out there, or change the setting."
        )


class SecurityConfigurationError(EmrError, ValueError):
    """A security configuration is not there, or does not fit the cluster."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        super().__init__(
            f"The security configuration {name!r} {reason}. Mend emr.cluster.security_configuration, or take it out "
            "and let [emr.cluster.security] make one."
        )


class TransientClusterError(EmrError, ValueError):
    """A cluster cannot be one that ends itself after its steps."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The cluster cannot be transient: {reason}")


class LostClusterError(EmrError, ConnectionError):
    """Nobody knows whether a cluster was made: AWS's answer was lost, and it cannot be asked."""

    def __init__(self, name: str, token: str, reason: str) -> None:
        self.name, self.token, self.reason = name, token, reason
        super().__init__(
            f"The cluster {name!r} may or may not be there, and would cost: {reason.rstrip('.')}. Run the same "
            f"command with --creation {token}: it makes it only if it is not there."
        )


class ClusterFailedError(EmrError, RuntimeError):
    """A cluster ended, or never came up."""

    def __init__(self, cluster: str, state: str, reason: str) -> None:
        self.cluster, self.state, self.reason = cluster, state, reason
        super().__init__(
            f"Cluster {cluster} is {state}: {reason or 'EMR gives no reason'}. See `lakegate why {cluster}` with the "
            "same --env."
        )


class ClusterTimeoutError(EmrError, TimeoutError):
    """A cluster did not get as far as it was waited for."""

    def __init__(self, cluster: str, state: str, seconds: float) -> None:
        self.cluster, self.state, self.seconds = cluster, state, seconds
        super().__init__(
            f"Cluster {cluster} is still {state} after {seconds:.0f} s. It goes on, and costs: look with `lakegate "
            f"cluster show {cluster}`, end it with `lakegate cluster terminate {cluster}`, with the same --env."
        )


class ClusterProtectedError(EmrError, PermissionError):
    """A cluster to be ended has termination protection."""

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        super().__init__(
            f"Cluster {cluster} has termination protection, so nothing was ended. Take the protection off and end it "
            f"with `lakegate cluster terminate {cluster} --unprotect` and the same --env."
        )


class ResizeError(EmrError, ValueError):
    """A cluster cannot be made the size that is asked for."""

    def __init__(self, cluster: str, reason: str) -> None:
        self.cluster = cluster
        super().__init__(f"Cluster {cluster} was not resized: {reason}")


class UnknownClusterError(EmrError, LookupError):
    """EMR knows no cluster of that id."""

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        super().__init__(
            f"EMR knows no cluster {cluster!r} here. `lakegate cluster list` prints those of this account and region "
            "([aws] region); EMR forgets a cluster two months after its end."
        )


class UnknownStepError(EmrError, LookupError):
    """A cluster has no step of that id."""

    def __init__(self, step: str, cluster: str) -> None:
        self.step, self.cluster = step, cluster
        super().__init__(
            f"Cluster {cluster} has no step {step!r}. `lakegate steps --cluster {cluster}`, with the same --env, "
            "lists its steps; if it is of another cluster, say which: --cluster j-..."
        )


class NoLogUriError(EmrError, FileNotFoundError):
    """Neither a step nor its cluster keeps logs in S3."""

    def __init__(self, cluster: str, step: str | None = None) -> None:
        self.cluster, self.step = cluster, step
        what = f"Step {step} of cluster {cluster}" if step else f"Cluster {cluster}"
        super().__init__(
            f"{what} keeps no logs: it has no log URI, and a cluster cannot get one later. Set emr.cluster.log_uri "
            "before the next cluster is made, or emr.step_log_uri for the steps to come; until then look at the "
            "primary node, in /mnt/var/log/hadoop/steps."
        )


class LogsMissingError(EmrError, FileNotFoundError):
    """A log is not where it would be, or not there yet."""

    def __init__(self, what: str, looked: Sequence[str]) -> None:
        self.what, self.looked = what, tuple(looked)
        super().__init__(
            f"There is no {what} yet; looked for in {', '.join(looked)}. EMR uploads logs every five minutes, and once "
            "more after the end: try again then, or let --follow wait for them."
        )


class NotOfAClusterError(EmrError, ValueError):
    """The settings of a job are those of a laptop: on a cluster they would fail, or write where nobody looks."""

    def __init__(self, environment: str, faults: Sequence[str]) -> None:
        self.environment, self.faults = environment, tuple(faults)
        super().__init__(
            f"Environment {environment!r} is not for a cluster: {'; '.join(faults)}. Name the one that is (`--env "
            "prod`; without --env it is `local`), or correct these settings."
        )


class StepTooLongError(EmrError, ValueError):
    """The strings of a step are longer than EMR takes."""

    def __init__(self, step: str, length: int, limit: int, longest: str) -> None:
        self.step, self.length, self.limit = step, length, limit
        super().__init__(
            f"The strings of step {step!r} have {length:,} characters, and EMR takes {limit:,}. The longest begins "
            f"with {longest!r}. Put long values into a file, or properties into conf/ ([spark.conf])."
        )


class StepLimitError(EmrError, ValueError):
    """A cluster has as many waiting and running steps as EMR allows."""

    def __init__(self, cluster: str, active: int, added: int, limit: int) -> None:
        self.cluster, self.active, self.added, self.limit = cluster, active, added, limit
        super().__init__(
            f"Cluster {cluster} has {active} steps that wait or run, and {added} more would pass EMR's limit of "
            f"{limit}. Wait for some to end (`lakegate steps`) or cancel some (`lakegate cancel STEP`)."
        )


class StepConcurrencyError(EmrError, ValueError):
    """A chain is to stop at a failure on a cluster that runs several steps at once."""

    def __init__(self, cluster: str, level: int, on_failure: str) -> None:
        self.cluster, self.level, self.on_failure = cluster, level, on_failure
        super().__init__(
            f"Cluster {cluster} runs up to {level} steps at once, so no step waits for another and EMR refuses "
            f"--on-failure {on_failure}. Say --on-failure continue, or use a cluster with step concurrency 1."
        )


class RuntimeRoleError(EmrError, ValueError):
    """Steps have a role of their own, and the cluster is not made for that."""

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        super().__init__(
            f"emr.runtime_role is set, and cluster {cluster} has no security configuration: runtime roles need one "
            "with EnableApplicationScopedIAMRole. Unset emr.runtime_role, or use a cluster that has it."
        )


class BucketError(EmrError, OSError):
    """A bucket is not there, or not open to these credentials."""

    def __init__(self, bucket: str, settings: Sequence[str], reason: str) -> None:
        self.bucket, self.settings = bucket, tuple(settings)
        super().__init__(
            f"Bucket {bucket!r} ({', '.join(settings)}) cannot be reached: {reason}. Correct the setting, make the "
            "bucket, or ask for s3:ListBucket on it."
        )


class ClusterStateError(EmrError, RuntimeError):
    """A cluster takes no steps."""

    def __init__(self, cluster: str, state: str, reason: str) -> None:
        self.cluster, self.state = cluster, state
        super().__init__(
            f"Cluster {cluster} takes no steps: it is {state}{': ' * bool(reason)}{reason}. Name another "
            "(--set emr.cluster_id=ID), or make one: `lakegate cluster create`."
        )


class ClusterReleaseError(EmrError, ValueError):
    """A cluster has another release than the bundle is built for."""

    def __init__(self, cluster: str, found: str, expected: str) -> None:
        self.cluster, self.found, self.expected = cluster, found, expected
        super().__init__(
            f"Cluster {cluster} has release {found}, and emr.release is {expected}. Set emr.release to {found} and "
            f"build for it (`lakegate package --release {found}`), or name another cluster."
        )


class ClusterArchitectureError(EmrError, ValueError):
    """Nodes of a cluster have another CPU than the bundle is built for."""

    def __init__(self, cluster: str, foreign: Sequence[str], expected: str) -> None:
        self.cluster, self.foreign, self.expected = cluster, tuple(foreign), expected
        super().__init__(
            f"Cluster {cluster} has nodes that are not {expected}: {', '.join(foreign)}. Native libraries of "
            "the bundle would not load there. Set emr.architecture and build again (`lakegate package --arch`); a "
            "cluster of both cannot run it."
        )


class ApplicationMissingError(EmrError, LookupError):
    """A cluster lacks an application that a step needs."""

    def __init__(self, cluster: str, missing: Sequence[str], known: Sequence[str]) -> None:
        self.cluster, self.missing, self.known = cluster, tuple(missing), tuple(known)
        super().__init__(
            f"Cluster {cluster} lacks {', '.join(missing)}; it has {', '.join(known) or 'none'}. Applications "
            "are installed when a cluster is made: use one that has them."
        )


class PreflightError(EmrError, RuntimeError):
    """Several things stand against a submission; nothing was uploaded."""

    def __init__(self, faults: Sequence[EmrError]) -> None:
        self.faults = tuple(faults)
        listed = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(f"{len(self.faults)} things stand against it; nothing was uploaded.\n{listed}")


class LostAnswerError(EmrError, ConnectionError):
    """Nobody knows whether steps were added: AWS's answer was lost, and it cannot be asked."""

    def __init__(self, cluster: str, token: str, reason: str) -> None:
        self.cluster, self.token = cluster, token
        super().__init__(
            f"The steps may or may not be on cluster {cluster}: {reason.rstrip('.')}. Run the same command with "
            f"--submission {token}: it adds them only if they are not there."
        )


class OtherStepsError(EmrError, ValueError):
    """A submission that is named by its id has other steps than those that are submitted."""

    def __init__(self, cluster: str, token: str, found: Mapping[str, str], wanted: Sequence[str]) -> None:
        self.cluster, self.token, self.found = cluster, token, tuple(found)
        there = ", ".join(f"{name!r} ({step})" for step, name in found.items())
        super().__init__(
            f"Submission {token} is on cluster {cluster} already, and it has {there}; submitted are "
            f"{', '.join(map(repr, wanted))}. Nothing was added. Name the same steps in the same order, or leave "
            "--submission out."
        )


class OtherArgumentsError(EmrError, ValueError):
    """A submission that is named by its id has the same steps, and they would do something else."""

    def __init__(self, cluster: str, token: str, differences: Mapping[str, Sequence[str]]) -> None:
        self.cluster, self.token = cluster, token
        self.differences = {step: tuple(said) for step, said in differences.items()}
        listed = "\n".join(f"  {step}: {each}" for step, said in self.differences.items() for each in said)
        super().__init__(
            f"Submission {token} is on cluster {cluster} already, and it was made with other arguments:\n{listed}\n"
            "Nothing was added. Give the command as it was given then, with the bundle of then, or leave --submission "
            "out: the steps are added anew."
        )


class StepTimeoutError(EmrError, TimeoutError):
    """Steps did not end in time."""

    def __init__(self, steps: Sequence[str], seconds: float) -> None:
        self.steps, self.seconds = tuple(steps), seconds
        super().__init__(
            f"{', '.join(steps)} did not end within {seconds:g} s. `lakegate steps`, with the same --env and "
            "--cluster, shows what becomes of them; give more time with --timeout."
        )


class StepsFailedError(EmrError, RuntimeError):
    """Steps ended, and not all of them did what they were for."""

    def __init__(self, failed: Mapping[str, str], more: str = "") -> None:
        self.failed = dict(failed)
        listed = "\n".join(f"  {step}: {reason}" for step, reason in failed.items())
        first = next(iter(failed))
        super().__init__(f"{len(failed)} step(s) did not complete:\n{listed}\nWhy: `lakegate why {first}{more}`.")


class ClusterEndedError(EmrError, RuntimeError):
    """A cluster ended while steps waited or ran on it."""

    def __init__(self, cluster: str, state: str, reason: str, steps: Sequence[str]) -> None:
        self.cluster, self.state, self.steps = cluster, state, tuple(steps)
        super().__init__(
            f"Cluster {cluster} is {state}{': ' * bool(reason)}{reason}; {', '.join(steps)} did not end before it. "
            f"Why: `lakegate why {cluster}` with the same --env."
        )


# -- the EMR on this machine ------------------------------------------------------------------------------------------


class LocalEmrError(LakegateError):
    """The EMR on this machine cannot do what was asked."""


class JarsMissingError(LocalEmrError, FileNotFoundError):
    """Jars that run on this machine are neither here nor to be fetched."""

    def __init__(self, what: str, words: str) -> None:
        self.what, self.words = what, words
        super().__init__(
            f"{what} cannot be had. They are fetched once, from Maven Central: look at the network, and install what "
            f"fetches them (pip install 'lakegate[spark]'). What was said:\n{words}"
        )


class LoopbackError(LocalEmrError, OSError):
    """A loopback address is not one of this machine, so that a node cannot be given it."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(
            f"{address} is not an address of this machine, and each node needs its own. Ask for one node, or add it "
            f"(macOS: sudo ifconfig lo0 alias {address})."
        )


class DaemonFailedError(LocalEmrError, RuntimeError):
    """A daemon ended, or was not ready in time."""

    def __init__(self, daemon: str, reason: str, log: str, words: str) -> None:
        self.daemon, self.reason, self.log = daemon, reason, log
        super().__init__(f"{daemon} {reason}; all that were started have been ended. The end of {log}:\n{words}")


class AlreadyRunningError(LocalEmrError, FileExistsError):
    """It runs already, and is there once for each folder."""

    def __init__(self, folder: str, owner: int) -> None:
        self.folder, self.owner = folder, owner
        super().__init__(
            f"It runs already, for process {owner}: see `lakegate local-emr status`, or end it with `lakegate "
            f"local-emr stop`. What it needs is in {folder}."
        )


class NotRunningError(LocalEmrError, LookupError):
    """Nothing runs that could be asked."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        super().__init__(f"Nothing runs in {folder}. Start it: `lakegate local-emr start`.")


class UnknownNodeError(LocalEmrError, LookupError):
    """No node is called so."""

    def __init__(self, node: str, known: Sequence[str]) -> None:
        self.node, self.known = node, tuple(known)
        super().__init__(f"No node is called {node!r}. {alternatives(node, known)}")


class NodeStateError(LocalEmrError, TimeoutError):
    """A node did not come to the state that it was waited for in."""

    def __init__(self, node: str, wanted: str, found: str, seconds: float) -> None:
        self.node, self.wanted, self.found, self.seconds = node, wanted, found, seconds
        super().__init__(f"{node} is {found} and not {wanted} after {seconds:g} s. Its log says why.")


class ProgramUsageError(LocalEmrError, ValueError):
    """A program of EMR's was asked for something that it does not offer here."""

    def __init__(self, asked: str, known: Iterable[str]) -> None:
        self.asked, self.known = asked, tuple(known)
        super().__init__(f"{asked!r} is not offered on this machine. {alternatives(asked, self.known)}")


class PythonMissingError(LocalEmrError, LookupError):
    """A step wants a Python that this machine's EMR does not have."""

    def __init__(self, wanted: str, there: str) -> None:
        self.wanted, self.there = wanted, there
        super().__init__(
            f"{wanted} is not here: this machine's EMR has the Python that runs it, {there}. Set emr.python to "
            f"{there!r}, or make the environment with the other Python."
        )


class LocalEmrMissingError(LocalEmrError, ImportError):
    """What an EMR on this machine is made of is not installed."""

    def __init__(self, module: str) -> None:
        self.module = module
        super().__init__(
            f"An EMR on this machine needs {module}, which is not installed here: pip install 'lakegate[local-emr]'."
        )


class FolderNameError(LocalEmrError, ValueError):
    """A folder's name is one that Hadoop or Spark's scripts take apart."""

    def __init__(self, folder: str, found: str) -> None:
        self.folder, self.found = folder, found
        super().__init__(
            f"{folder} has {found!r} in its name, where Hadoop or Spark's scripts take it apart: name another folder "
            "by --folder or LAKEGATE_LOCAL_EMR."
        )


class ForeignFolderError(LocalEmrError, FileExistsError):
    """A folder holds something else than an EMR of this machine, and is left alone."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        super().__init__(
            f"{folder} holds other files, and `lakegate local-emr reset` removes all: name a folder that is empty, or "
            "is not there, by --folder or LAKEGATE_LOCAL_EMR."
        )


class PortTakenError(LocalEmrError, OSError):
    """Somebody else listens on the port of the endpoint."""

    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__(f"Port {port} is taken, or not ours to take: name another, or leave it out for a free one.")


class NotStartedError(LocalEmrError, RuntimeError):
    """The EMR on this machine did not come up."""

    def __init__(self, reason: str, log: str) -> None:
        self.reason, self.log = reason, log
        super().__init__(f"It did not start, and nothing of it is left. {reason}\nThe log: {log}")


class RunsOtherwiseError(LocalEmrError, ValueError):
    """It runs, but not as this start asks for it."""

    def __init__(self, endpoint: str, others: Sequence[str]) -> None:
        self.endpoint, self.others = endpoint, tuple(others)
        super().__init__(
            f"It runs already at {endpoint}, and otherwise: {', '.join(others)}. Stop it first (lakegate local-emr "
            "stop), or start another one beside it (--folder)."
        )


class StageFailedError(LakegateError, RuntimeError):
    """A stage raised something that is not ours; the cause is kept."""

    def __init__(self, job: str, stage: str, where: str, cause: BaseException) -> None:
        self.job, self.stage, self.where = job, stage, where
        super().__init__(f"Stage {stage!r} of job {job!r} failed{where}: {type(cause).__name__}: {_in_short(cause)}")


class SparkFailedError(LakegateError, RuntimeError):
    """Spark raised something that is not ours, outside of a job's stages; the cause is kept."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(
            f"Spark failed: {_in_short(cause)}\nWhat was committed before stays, and nothing else is in the tables. "
            "Mend the cause, and run the command again."
        )

    @staticmethod
    def is_cause(error: BaseException) -> bool:
        """Say whether Spark, or the JVM behind it, raised an error; told by its module, so that none is imported."""
        return type(error).__module__.startswith(("pyspark.errors", "py4j"))


def _in_short(cause: BaseException) -> str:
    """Return what an error says without the query's plan, and of a JVM's error the first cause without its frames."""
    first = str(cause).split("\nCaused by: ")[-1]
    return first.split("\n\tat ", 1)[0].strip().split("\n\n", 1)[0]


def _difference(expected: Sequence[str], found: Sequence[str]) -> str:
    missing = [c for c in expected if c not in found]
    unexpected = [c for c in found if c not in expected]
    parts = []
    if missing:
        parts.append(f"lacks {', '.join(map(repr, missing))}")
    if unexpected:
        parts.append(f"has {', '.join(map(repr, unexpected))} besides")
    return " and ".join(parts) or f"is in another order: {', '.join(found)}"
