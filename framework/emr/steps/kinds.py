"""What a cluster runs for each kind of step of `[[emr.steps]]`.

Arguments are those of the Amazon EMR Release Guide: `command-runner.jar` runs programs of the primary node, and
`script-runner.jar`, which each region has a copy of, a script from S3.
"""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from framework.config.steps import (
    Bash,
    CustomJar,
    FlinkRun,
    HadoopStreaming,
    HiveScript,
    S3DistCp,
    ScriptRunner,
    StepSettings,
)
from framework.errors import SettingError

RUNNER = "command-runner.jar"
SCRIPT_RUNNER = "s3://{region}.elasticmapreduce/libs/script-runner/script-runner.jar"


@dataclass(frozen=True, slots=True)
class Command:
    """A jar and what its main function is given; `application` is what the cluster must have for it."""

    jar: str
    args: tuple[str, ...]
    application: str | None = None
    main_class: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


def command(step: StepSettings, at: Callable[[str], str], region: str | None) -> Command:
    """Return what a step runs; `at` gives the address of a file that it names.

    Raises SettingError where a step needs the region and none is known.
    """
    match step:
        case HiveScript():
            variables = [part for name, value in step.variables.items() for part in ("-d", f"{name}={value}")]
            script = ("hive-script", "--run-hive-script", "--args", "-f", at(step.script))
            return Command(RUNNER, (*script, *variables, *step.args), "Hive")
        case HadoopStreaming():
            return Command(RUNNER, _streaming(step, at), "Hadoop")
        case CustomJar():
            return Command(at(step.jar), step.args, None, step.main_class, step.properties)
        case S3DistCp():
            return Command(RUNNER, _copy(step), "Hadoop")
        case FlinkRun():
            return Command(RUNNER, _flink(step, at(step.jar)), "Flink")
        case Bash():
            return Command(RUNNER, ("bash", "-c", step.command, step.name, *step.args))
        case ScriptRunner():
            if region is None:
                raise SettingError("aws.region", f"step {step.name!r} needs it: script-runner.jar is in each region")
            return Command(SCRIPT_RUNNER.format(region=region), (at(step.script), *step.args))


def _streaming(step: HadoopStreaming, at: Callable[[str], str]) -> tuple[str, ...]:
    generic = [part for name, value in step.properties.items() for part in ("-D", f"{name}={value}")]
    if step.reducer is None:
        generic += ["-D", "mapreduce.job.reduces=0"]
    if step.files:
        generic += ["-files", ",".join(map(at, step.files))]
    inputs = [part for place in step.input for part in ("-input", place)]
    named = (("-mapper", step.mapper), ("-combiner", step.combiner), ("-reducer", step.reducer))
    programs = [part for flag, program in named if program for part in (flag, program)]
    return ("hadoop-streaming", *generic, *inputs, "-output", step.output, *programs, *step.args)


def _copy(step: S3DistCp) -> tuple[str, ...]:
    options = {
        "src": step.src,
        "dest": step.dest,
        "srcPattern": step.src_pattern,
        "groupBy": step.group_by,
        "targetSize": step.target_size,
        "outputCodec": step.output_codec,
    }
    said = [f"--{name}={value}" for name, value in options.items() if value is not None]
    return ("s3-dist-cp", *said, *(["--deleteOnSuccess"] if step.delete_on_success else []), *step.args)


def _flink(step: FlinkRun, jar: str) -> tuple[str, ...]:
    main = ("-c", step.main_class) if step.main_class else ()
    options = ("-m", "yarn-cluster", *step.options, *main)
    if "://" not in jar:
        return ("flink", "run", *options, jar, *step.args)
    # `flink run` opens a jar as a file of the primary node, so it is fetched first.
    fetch = f'jar=$(mktemp --suffix=.jar) && aws s3 cp --only-show-errors {shlex.quote(jar)} "$jar"'
    return ("bash", "-c", f'{fetch} && flink run {shlex.join(options)} "$jar" {shlex.join(step.args)}'.rstrip())
