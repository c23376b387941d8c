"""`[[emr.steps]]`: steps that are no jobs of the project, found by name, a class for each kind.

Where a step names a file, a relative path is a file of the project, which is uploaded when the step is submitted; an
absolute path, and an address with a scheme (s3://, hdfs://, file://), are taken as they are.
"""

from typing import Annotated, Literal

from pydantic import Field

from framework.config.section import Section

Place = Annotated[str, Field(min_length=1)]


class StepSection(Section):
    """What every step has."""

    name: str = Field(description="what `lakegate submit NAME` calls it", min_length=1, max_length=256)
    args: tuple[str, ...] = Field((), description="further arguments, as they are")

    @property
    def places(self) -> tuple[str, ...]:
        """Return what it names of files; those of the project are uploaded."""
        return ()


class HiveScript(StepSection):
    """A script of HiveQL."""

    kind: Literal["hive-script"]
    script: Place
    variables: dict[str, str] = Field(default_factory=dict, description="${NAME} in the script")

    @property
    def places(self) -> tuple[str, ...]:
        """Return the script."""
        return (self.script,)


class HadoopStreaming(StepSection):
    """A MapReduce job of two programs that read standard input and write standard output."""

    kind: Literal["hadoop-streaming"]
    input: tuple[str, ...] = Field(min_length=1)
    output: Place
    mapper: Place = Field(description="a command; a file of `files` by its bare name")
    reducer: str | None = Field(None, description="a command, `aggregate`, or None for no reduce phase")
    combiner: str | None = None
    files: tuple[Place, ...] = Field((), description="files that the commands need")
    properties: dict[str, str] = Field(default_factory=dict, description="Hadoop's, such as mapreduce.job.reduces")

    @property
    def places(self) -> tuple[str, ...]:
        """Return the files that the commands need."""
        return self.files


class CustomJar(StepSection):
    """The main function of a jar."""

    kind: Literal["jar"]
    jar: Place
    main_class: str | None = Field(None, description="None: the one that the jar's manifest names")
    properties: dict[str, str] = Field(default_factory=dict, description="Java properties")

    @property
    def places(self) -> tuple[str, ...]:
        """Return the jar."""
        return (self.jar,)


class S3DistCp(StepSection):
    """A copy between S3 and HDFS, done by the whole cluster."""

    kind: Literal["s3-dist-cp"]
    src: Place
    dest: Place
    src_pattern: str | None = Field(None, description="a regular expression of the paths that are copied")
    group_by: str | None = Field(None, description="a regular expression: files with the same group become one")
    target_size: int | None = Field(None, gt=0, description="MiB of the files that group_by makes")
    output_codec: Literal["gzip", "gz", "lzo", "snappy", "none", "keep"] | None = None
    delete_on_success: bool = Field(False, description="delete what was copied")


class FlinkRun(StepSection):
    """A Flink program that runs in a YARN application of its own."""

    kind: Literal["flink"]
    jar: Place
    main_class: str | None = Field(None, description="None: the one that the jar's manifest names")
    options: tuple[str, ...] = Field((), description="options of `flink run`, such as -p and 4")

    @property
    def places(self) -> tuple[str, ...]:
        """Return the jar."""
        return (self.jar,)


class Bash(StepSection):
    """A command line on the primary node; `args` are its $1, $2 and so on."""

    kind: Literal["bash"]
    command: str = Field(min_length=1)


class ScriptRunner(StepSection):
    """A script that is fetched from S3 and run on the primary node."""

    kind: Literal["script-runner"]
    script: Place

    @property
    def places(self) -> tuple[str, ...]:
        """Return the script."""
        return (self.script,)


StepSettings = Annotated[
    HiveScript | HadoopStreaming | CustomJar | S3DistCp | FlinkRun | Bash | ScriptRunner, Field(discriminator="kind")
]
