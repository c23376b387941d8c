"""`[emr.cluster.security]`: what an EMR security configuration says; `[emr.cluster.kerberos]`: what goes with it."""

from typing import Literal, Self

from pydantic import Field, model_validator

from framework.config.section import Arn, S3Object, Section, Texts


def _needed(wanted: bool, given: dict[str, str | None], by: str) -> None:
    """Refuse what is missing where it is wanted, and what is given where it means nothing."""
    for name, value in given.items():
        if wanted and not value:
            raise ValueError(f"{by} needs {name}")
        if value and not wanted:
            raise ValueError(f"{name} is for {by}")


class CertificateSettings(Section):
    """TLS between the nodes."""

    provider: Literal["PEM", "Custom"] = "PEM"
    s3_object: S3Object = Field(description="PEM: a zip of privateKey.pem and certificateChain.pem; Custom: a jar")
    provider_class: str | None = Field(None, description="Custom: the class in the jar")

    @model_validator(mode="after")
    def _class(self) -> Self:
        _needed(self.provider == "Custom", {"provider_class": self.provider_class}, "provider Custom")
        return self


class S3OverrideSettings(Section):
    """Encryption of one bucket that differs."""

    bucket: str = Field(min_length=3)
    mode: Literal["SSE-S3", "SSE-KMS", "CSE-KMS"]
    kms_key: Arn | None = None

    @model_validator(mode="after")
    def _key(self) -> Self:
        _needed(self.mode.endswith("KMS"), {"kms_key": self.kms_key}, "mode SSE-KMS or CSE-KMS")
        return self


class S3EncryptionSettings(Section):
    """Encryption of what EMR writes to S3."""

    mode: Literal["SSE-S3", "SSE-KMS", "CSE-KMS", "CSE-Custom"] = "SSE-S3"
    kms_key: Arn | None = None
    s3_object: S3Object | None = Field(None, description="CSE-Custom: a jar")
    provider_class: str | None = Field(None, description="CSE-Custom: the class in the jar")
    overrides: tuple[S3OverrideSettings, ...] = ()

    @model_validator(mode="after")
    def _key(self) -> Self:
        _needed(self.mode.endswith("KMS"), {"kms_key": self.kms_key}, "mode SSE-KMS or CSE-KMS")
        custom = {"s3_object": self.s3_object, "provider_class": self.provider_class}
        _needed(self.mode == "CSE-Custom", custom, "mode CSE-Custom")
        return self


class DiskEncryptionSettings(Section):
    """Encryption of the nodes' disks."""

    provider: Literal["AwsKms", "Custom"] = "AwsKms"
    kms_key: Arn | None = None
    s3_object: S3Object | None = Field(None, description="Custom: a jar")
    provider_class: str | None = Field(None, description="Custom: the class in the jar")
    ebs: bool = Field(True, description="by EBS itself, root volume included; false: by LUKS, root volume not included")

    @model_validator(mode="before")
    @classmethod
    def _luks_for_custom(cls, given: object) -> object:
        custom = isinstance(given, dict) and given.get("provider") == "Custom"
        return {"ebs": False, **given} if custom and isinstance(given, dict) else given

    @model_validator(mode="after")
    def _key(self) -> Self:
        if self.ebs and self.provider != "AwsKms":
            raise ValueError("encryption by EBS needs the provider AwsKms; set ebs = false, or give a kms_key")
        _needed(self.provider == "AwsKms", {"kms_key": self.kms_key}, "provider AwsKms")
        custom = {"s3_object": self.s3_object, "provider_class": self.provider_class}
        _needed(self.provider == "Custom", custom, "provider Custom")
        return self


class TrustSettings(Section):
    """Another Kerberos realm that is trusted."""

    realm: str = Field(min_length=1)
    domain: str = Field(min_length=1)
    admin_server: str = Field(min_length=1, description="host, or host:port")
    kdc_server: str = Field(min_length=1, description="host, or host:port")


class ActiveDirectorySettings(Section):
    """The Active Directory behind an external KDC."""

    realm: str = Field(min_length=1)
    domain: str = Field(min_length=1)


class KdcSettings(Section):
    """Who gives out Kerberos tickets: the cluster itself, or a server that is there already."""

    provider: Literal["ClusterDedicatedKdc", "ExternalKdc"] = "ClusterDedicatedKdc"
    ticket_hours: int = Field(24, ge=1)
    trust: TrustSettings | None = Field(None, description="ClusterDedicatedKdc: a trusted realm")
    admin_server: str | None = Field(None, description="ExternalKdc: host:port")
    kdc_server: str | None = Field(None, description="ExternalKdc: host:port")
    active_directory: ActiveDirectorySettings | None = Field(None, description="ExternalKdc")

    @model_validator(mode="after")
    def _servers(self) -> Self:
        external = self.provider == "ExternalKdc"
        _needed(external, {"admin_server": self.admin_server, "kdc_server": self.kdc_server}, "provider ExternalKdc")
        if self.active_directory and not external:
            raise ValueError("active_directory is for the provider ExternalKdc")
        if self.trust and external:
            raise ValueError("trust is for the provider ClusterDedicatedKdc")
        return self


class RoleMappingSettings(Section):
    """An IAM role with which EMRFS reads and writes for some users, groups or prefixes."""

    role: Arn
    kind: Literal["User", "Group", "Prefix"]
    identifiers: Texts = Field(min_length=1)


class SecuritySettings(Section):
    """A security configuration of our own, which is found again by its content."""

    s3: S3EncryptionSettings = S3EncryptionSettings()
    encrypt_s3: bool = Field(True, description="false: s3 is left out")
    disk: DiskEncryptionSettings | None = Field(None, description="needs a key of KMS, so it is off until one is given")
    in_transit: CertificateSettings | None = None
    kdc: KdcSettings | None = Field(None, description="Kerberos; goes with [emr.cluster.kerberos]")
    runtime_roles: bool = Field(False, description="let a step have an IAM role; emr.runtime_role turns it on")
    role_mappings: tuple[RoleMappingSettings, ...] = ()
    imds: int = Field(2, ge=1, le=2, description="the oldest instance metadata service that answers")
    imds_hops: int = Field(1, ge=1, le=64, description="how far its answers go")


class KerberosSettings(Section):
    """What a cluster says of its own realm; the passwords are secrets, not settings."""

    realm: str = Field(min_length=1, max_length=256, description="such as EC2.INTERNAL")
    cross_realm: bool = Field(False, description="send the secret cross_realm_trust_password")
    ad_join_user: str | None = Field(None, description="joins nodes to a domain; sends ad_domain_join_password")
