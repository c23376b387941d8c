import pytest

from framework.config.emr import Architecture
from framework.emr.bundle.platform import Platform
from framework.errors import ReleaseMismatchError, UnknownReleaseError

GRAVITON = Platform.of("emr-spark-8.2.0", "aarch64", "3.11")
OLD = Platform("emr-6.15.0", "2.4.0", "x86_64", "3.7", (2, 26))


def test_a_platform_has_the_glibc_and_the_delta_of_its_release() -> None:
    assert (GRAVITON.glibc, GRAVITON.delta) == ((2, 34), "4.2.0")
    assert Platform.of("emr-7.14.0", "x86_64", "3.11").delta == "3.3.2"


def test_a_python_that_the_release_lacks_is_refused() -> None:
    with pytest.raises(ReleaseMismatchError, match=r"has Python 3.9 and 3.11, and \[emr\] python is 3.13"):
        Platform.of("emr-7.14.0", "x86_64", "3.13")


def test_a_release_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UnknownReleaseError):
        Platform.of("emr-5.36.0", "x86_64", "3.11")


@pytest.mark.parametrize(
    ("glibc", "architecture", "name"),
    [
        ((2, 34), "aarch64", "aarch64-manylinux_2_34"),
        ((2, 34), "x86_64", "x86_64-manylinux_2_34"),
        ((2, 26), "x86_64", "x86_64-manylinux_2_17"),  # uv knows no 2.26
        ((2, 99), "x86_64", "x86_64-manylinux_2_40"),
    ],
)
def test_uv_is_told_the_newest_glibc_that_the_nodes_have(
    glibc: tuple[int, int], architecture: Architecture, name: str
) -> None:
    assert Platform("any", "4.2.0", architecture, "3.11", glibc).uv == name


@pytest.mark.parametrize(
    ("platform", "tag", "runs"),
    [
        (GRAVITON, "py3-none-any", True),
        (GRAVITON, "cp311-cp311-manylinux_2_34_aarch64", True),
        (GRAVITON, "cp38-abi3-manylinux2014_aarch64", True),
        (GRAVITON, "py3-none-manylinux_2_17_aarch64", True),
        (GRAVITON, "cp311-cp311-manylinux_2_35_aarch64", False),
        (GRAVITON, "cp311-cp311-manylinux_2_17_x86_64", False),
        (GRAVITON, "cp311-cp311-musllinux_1_2_aarch64", False),
        (GRAVITON, "cp312-cp312-manylinux_2_17_aarch64", False),
        (GRAVITON, "cp312-abi3-manylinux_2_17_aarch64", False),
        (OLD, "cp36-abi3-manylinux1_x86_64", True),
        (OLD, "cp36-abi3-manylinux_2_28_x86_64", False),
    ],
)
def test_a_wheel_runs_there_if_its_tag_says_so(platform: Platform, tag: str, runs: bool) -> None:
    assert (tag in platform.tags) is runs
