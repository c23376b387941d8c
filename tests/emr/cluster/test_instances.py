import gzip
import json
from importlib.resources import files

import pytest

from framework.emr.cluster.instances import GENERAL, architecture, general
from framework.emr.releases.release import RELEASES

# What moto's authors read from AWS: every type that EMR supports, with its CPU.
KNOWN = json.loads(gzip.decompress((files("moto.emr.resources") / "instance_types.json.gz").read_bytes()))


def test_the_cpu_of_every_type_that_emr_supports_is_known_by_its_name() -> None:
    cpus = {"X86_64": "x86_64", "ARM_64": "aarch64", "AARCH64": "aarch64", "ARM64": "aarch64"}
    assert len(KNOWN) > 700
    wrong = {
        name: each["Architecture"] for name, each in KNOWN.items() if architecture(name) != cpus[each["Architecture"]]
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("name", "cpu"), [("a1.large", "aarch64"), ("g5g.xlarge", "aarch64"), ("g4dn.xlarge", "x86_64")]
)
def test_a_g_means_graviton_only_after_the_generation(name: str, cpu: str) -> None:
    assert architecture(name) == cpu


@pytest.mark.parametrize("cpu", GENERAL)
def test_the_general_type_has_the_cpu_and_each_release_has_it(cpu: str) -> None:
    for label, number in (("emr-7.14.0", "7.14.0"), ("emr-spark-8.2.0", "spark-8.1.0")):
        name = general(cpu, RELEASES[label])  # type: ignore[arg-type]
        has = json.loads(
            gzip.decompress((files("moto.emr.resources") / f"instance-types-emr-{number}.json.gz").read_bytes())
        )
        assert architecture(name) == cpu
        assert name in has
