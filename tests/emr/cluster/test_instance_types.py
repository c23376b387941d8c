import pytest

from framework.emr.cluster.instances import architecture

ARM = "c6g c6gd c6gn c7g c7gd c7gn c8g c8gd c8gn i4g i8g im4gn is4gen m6g m6gd m7g m7gd m8g m8gd r6g r6gd r7g r7gd r8g"
ARM += " r8gb r8gd r8gn x2gd x8g t4g g5g a1 hpc7g"
X86 = "m5 m5a m6i m6a m7i-flex c5n c6in c7a r5b r6idn r7iz x2idn x2iedn x1e i3en i4i i7ie d3en g4dn g5 g6 g6e p4d gr6"
X86 += " u-6tb1 u7i-12tb z1d h1 inf2 trn1n"


@pytest.mark.parametrize("family", ARM.split())
def test_graviton_has_a_g_behind_the_generation(family: str) -> None:
    assert architecture(f"{family}.2xlarge") == "aarch64"


@pytest.mark.parametrize("family", X86.split())
def test_a_g_elsewhere_is_a_gpu(family: str) -> None:
    assert architecture(f"{family}.2xlarge") == "x86_64"
