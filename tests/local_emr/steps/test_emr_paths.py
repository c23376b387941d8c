from pathlib import Path

import pytest

from framework.errors import PythonMissingError
from framework.local_emr.daemons import python
from framework.local_emr.steps.emr_paths import here

NAMES = (
    "io.delta_delta-kernel-api-4.2.0.jar",
    "io.delta_delta-spark_4.1_2.13-4.2.0.jar",
    "io.delta_delta-storage-4.2.0.jar",
)


@pytest.fixture
def delta(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).touch()
    return tmp_path


def test_the_jars_of_a_release_are_those_of_maven_each_with_the_scheme_that_was_given(delta: Path) -> None:
    kernel, spark, storage = (delta / name for name in NAMES)
    asked = "local:/usr/share/aws/delta/lib/delta-spark.jar,local:/usr/share/aws/delta/lib/delta-storage.jar"
    assert here(asked, delta) == f"local:{kernel},local:{spark},local:{storage}"
    assert here("/usr/share/aws/delta/lib/delta-core.jar", delta) == f"{kernel},{spark}"
    assert here("file:///usr/share/aws/delta/lib/delta-storage.jar", delta) == f"file://{storage}"


def test_on_a_class_path_they_are_parted_by_colons(delta: Path) -> None:
    kernel, spark, storage = (delta / name for name in NAMES)
    asked = "spark.driver.extraClassPath=/opt/a.jar:/usr/share/aws/delta/lib/*"
    assert here(asked, delta) == f"spark.driver.extraClassPath=/opt/a.jar:{kernel}:{spark}:{storage}"


def test_the_python_of_the_nodes_is_this_machines(delta: Path) -> None:
    asked = f"spark.yarn.appMasterEnv.PYSPARK_PYTHON=/usr/bin/python{python.VERSION}"
    assert here(asked, delta) == f"spark.yarn.appMasterEnv.PYSPARK_PYTHON={python.executable()}"
    assert here("/usr/bin/python3", delta) == python.executable()


@pytest.mark.parametrize(
    "other", ["s3://b/usr/bin-python3", "/usr/bin/python3-config", "/usr/bin/python3/x", "python3"]
)
def test_what_is_another_path_stays(other: str, delta: Path) -> None:
    assert here(other, delta) == other


def test_another_python_is_refused(delta: Path) -> None:
    with pytest.raises(PythonMissingError, match=r"/usr/bin/python3\.8 is not here.*Set emr.python to"):
        here("/usr/bin/python3.8", delta)
