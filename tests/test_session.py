from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from framework import session
from framework.config import Settings
from framework.errors import JavaError, VersionError
from framework.lanes import PROVIDED
from framework.session import Jars, create, derive, lane


@pytest.mark.parametrize(
    ("spark_version", "delta_version", "chosen"),
    [
        ("4.1.1", "4.2.0", "4.1"),
        ("4.1", "4.2.7", "4.1"),
        ("3.5.6", "3.3.2", "3.5"),
        ("3.5.6-amzn-1", None, "3.5"),  # a cluster whose delta module came in an archive; its jar is checked later
    ],
)
def test_spark_and_delta_that_are_tested_together_are_a_lane(
    monkeypatch: pytest.MonkeyPatch, spark_version: str, delta_version: str | None, chosen: str
) -> None:
    monkeypatch.setattr(session, "_installed", {"pyspark": spark_version, "delta-spark": delta_version}.get)

    assert lane().spark == chosen


@pytest.mark.parametrize(
    ("spark_version", "delta_version"),
    [("4.0.1", "4.0.0"), ("4.1.1", "4.1.0"), ("3.5.6", "4.2.0"), ("4.10.0", "4.2.0"), ("3.4.0", None), (None, "4.2.0")],
)
def test_any_other_pair_is_refused(
    monkeypatch: pytest.MonkeyPatch, spark_version: str | None, delta_version: str | None
) -> None:
    monkeypatch.setattr(session, "_installed", {"pyspark": spark_version, "delta-spark": delta_version}.get)

    with pytest.raises(VersionError) as refused:
        lane()

    assert refused.value.lanes == ("Spark 4.1 with Delta 4.2", "Spark 3.5 with Delta 3.3")
    assert spark_version is None or spark_version in refused.value.found


def test_the_session_is_in_utc_and_ansi_mode_and_knows_delta(spark: SparkSession) -> None:
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
    assert spark.conf.get("spark.sql.ansi.enabled") == "true"
    assert spark.version.startswith(lane().spark)
    assert spark.sql("SELECT string(TIMESTAMP'2024-01-01 00:00:00Z') AS at").first() == ("2024-01-01 00:00:00",)


def test_the_session_s_jvm_is_in_utc(spark: SparkSession) -> None:
    jvm: Any = spark._jvm
    assert jvm.java.util.TimeZone.getDefault().getID() == "UTC"
    assert spark.sparkContext.getConf().get("spark.executorEnv.TZ") == "UTC"


# -- jars -------------------------------------------------------------------------------------------------------------


def _asked(settings: Settings, *packages: str, excludes: tuple[str, ...] = ()) -> Jars:
    wanted = settings.spark.model_copy(update={"packages": packages, "package_excludes": excludes})
    return Jars.of(lane(), settings.model_copy(update={"spark": wanted}))


def test_the_settings_packages_are_fetched_besides_the_lane_s(settings: Settings) -> None:
    driver = "org.postgresql:postgresql:42.7.7"
    asked = _asked(settings, driver, excludes=("org.checkerframework:*",))
    assert asked.packages == (*lane().packages, driver)
    assert asked.excludes == (*PROVIDED, "org.checkerframework:*")


def test_a_package_that_is_asked_for_by_name_is_not_excluded(settings: Settings) -> None:
    asked = _asked(settings, "org.slf4j:slf4j-simple:2.0.17", "org.apache.hadoop:hadoop-aws:3.4.2")
    assert [e for e in PROVIDED if e not in asked.excludes] == ["org.slf4j:*"]
    assert "org.apache.hadoop:hadoop-client-*" in asked.excludes


def test_jars_are_remembered_for_what_was_asked_only(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jar = tmp_path / "a.jar"
    jar.touch()
    asked = _asked(settings, "a:a:1")
    session._remember_jars(asked, [f"file://{jar}"])
    assert session._fetched_jars(asked) == [str(jar)]
    for other in (_asked(settings), _asked(settings, "a:a:2"), _asked(settings, "a:a:1", excludes=("b:*",))):
        assert session._fetched_jars(other) == []
    jar.unlink()
    assert session._fetched_jars(asked) == []


def test_the_jars_of_a_session_that_runs_already_are_not_remembered_for_other_packages(
    spark: SparkSession, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    wanted = settings.spark.model_copy(update={"packages": ("a:a:1",)})
    assert create(settings.model_copy(update={"spark": wanted}), "tests").sparkContext is spark.sparkContext
    assert list(tmp_path.iterdir()) == []


# -- derived sessions -------------------------------------------------------------------------------------------------


def test_a_derived_session_has_the_confs_and_views_of_its_parent_and_keeps_its_own_to_itself(
    spark: SparkSession,
) -> None:
    spark.range(3).createOrReplaceTempView("three")
    parent = derive(spark, {"spark.sql.session.timeZone": "Asia/Tokyo"})
    child = derive(parent, {"mine": "1", "spark.sql.ansi.enabled": "false"})

    assert child.conf.get("spark.sql.session.timeZone") == "Asia/Tokyo"
    assert child.sql("SELECT hour(TIMESTAMP'2024-01-01 00:00:00Z'), CAST('x' AS INT)").first() == (9, None)
    assert child.table("three").count() == 3
    child.range(1).createOrReplaceTempView("one")
    for outer in (parent, spark):
        assert outer.conf.get("mine", None) is None
        assert outer.conf.get("spark.sql.ansi.enabled") == "true"
        assert not outer.catalog.tableExists("one")
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
    spark.catalog.dropTempView("three")


def test_a_java_that_is_not_there_is_named_before_spark_starts(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, spark: SparkSession, tmp_path: Path
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(JavaError) as refused:
        create(settings, "tests")
    assert str(tmp_path) in refused.value.found

    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(JavaError):
        create(settings, "tests")
