"""A job as a step: spark-submit in cluster mode, with Delta's jars from the release and all else from the bundle."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from framework.arguments import pack
from framework.config import Settings
from framework.emr.bundle.artifacts import Bundle
from framework.emr.releases.release import release
from framework.emr.steps.credentials import refuse_properties
from framework.emr.steps.kinds import RUNNER, Command
from framework.emr.steps.properties import refuse_misread
from framework.emr.steps.upload import archive_address, artifact_address


@dataclass(frozen=True, slots=True)
class SparkJob:
    """A job of the project and what its run is given; values are text, as they were typed."""

    name: str
    environment: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()

    @property
    def args(self) -> tuple[str, ...]:
        """Return the arguments of the entrypoint."""
        # One text each: a value may begin with a dash.
        given = [f"--{name.replace('_', '-')}={value}" for name, value in self.parameters.items()]
        return (self.name, "--env", self.environment, *given, *(f"--set={each}" for each in self.overrides))


def submission(job: SparkJob, settings: Settings, bundle: Bundle, marker: str, region: str | None) -> Command:
    """Return what runs a job; `emr.conf` comes before what the job cannot do without.

    Raises CredentialRefusedError, and SettingError for a property that would not arrive as it is.

    The wheels go as archives that YARN unpacks beside the dependencies, not as --py-files: inside a zip the settings
    and the files of jobs/ would not be found. YARN unpacks what is called .zip only.
    """
    refuse_misread(_texts(settings.emr.conf), _texts(settings.spark.conf))
    overrides = {key: value for key, _, value in (each.partition("=") for each in job.overrides)}
    refuse_properties(settings.emr.conf, "Property", "emr.conf")
    refuse_properties(overrides, "Setting", "--set")
    refuse_properties(job.parameters, "Parameter", f"job {job.name!r}")
    folders = [
        *((archive_address(wheel, settings.emr), f"wheel{n}") for n, wheel in enumerate(bundle.wheels, start=1)),
        (artifact_address(bundle.dependencies, settings.emr), "deps"),
    ]
    python = f"/usr/bin/python{settings.emr.python}"
    variables = {"PYTHONPATH": ":".join(folder for _, folder in folders), "PYSPARK_PYTHON": python}
    # boto3, which the job uses, does not ask the node where it is.
    driver = {**variables, **({"AWS_DEFAULT_REGION": region} if region else {})}
    conf = {
        # A second attempt by YARN would hide why the first failed; a run that failed is taken up by the next submit.
        "spark.yarn.maxAppAttempts": "1",
        **_texts(settings.emr.conf),
        **{f"spark.yarn.appMasterEnv.{name}": value for name, value in driver.items()},
        **{f"spark.executorEnv.{name}": value for name, value in variables.items()},
    }
    tags = conf.get("spark.yarn.tags")
    conf["spark.yarn.tags"] = f"{tags},{marker}" if tags else marker
    args = [
        *("spark-submit", "--deploy-mode", "cluster", "--name", job.name),
        *("--jars", ",".join(f"local:{jar}" for jar in release(settings.emr.release).delta_jars)),
        *("--archives", ",".join(f"{address}#{folder}" for address, folder in folders)),
        *(part for key, value in conf.items() for part in ("--conf", f"{key}={value}")),
        artifact_address(bundle.entrypoint, settings.emr),
        *pack(job.args),
    ]
    return Command(RUNNER, tuple(args), "Spark")


def _texts(conf: Mapping[str, object]) -> dict[str, str]:
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in conf.items()}
