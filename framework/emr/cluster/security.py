"""Security configurations of EMR: a JSON document under a name, which clusters refer to.

Ours has a name that its content gives it, so it is made once, and no change reaches a cluster that is there.
"""

import hashlib
import json
from typing import Any

from framework import aws
from framework.config.emr import EmrSettings
from framework.config.security import CertificateSettings, DiskEncryptionSettings, KdcSettings
from framework.emr.api import ask
from framework.emr.cluster.hardware import given
from framework.errors import AwsRefusedError, SecurityConfigurationError


def document(settings: EmrSettings) -> dict[str, Any]:
    """Return the security configuration that the settings ask for."""
    security = settings.cluster.security
    s3, disk, transit = security.s3, security.disk, security.in_transit
    mappings = [
        {"Role": each.role, "IdentifierType": each.kind, "Identifiers": list(each.identifiers)}
        for each in security.role_mappings
    ]
    overrides = [
        given(BucketName=each.bucket, EncryptionMode=each.mode, AwsKmsKey=each.kms_key) for each in s3.overrides
    ]
    at_rest = given(
        S3EncryptionConfiguration=given(
            EncryptionMode=s3.mode,
            AwsKmsKey=s3.kms_key,
            S3Object=s3.s3_object,
            EncryptionKeyProviderClass=s3.provider_class,
            Overrides=overrides,
        )
        if security.encrypt_s3
        else None,
        LocalDiskEncryptionConfiguration=_disk(disk) if disk else None,
    )
    encryption = given(
        EnableInTransitEncryption=bool(transit),
        EnableAtRestEncryption=bool(at_rest),
        InTransitEncryptionConfiguration={"TLSCertificateConfiguration": _tls(transit)} if transit else None,
        AtRestEncryptionConfiguration=at_rest,
    )
    return given(
        EncryptionConfiguration=encryption if transit or at_rest else None,
        AuthenticationConfiguration={"KerberosConfiguration": _kerberos(security.kdc)} if security.kdc else None,
        AuthorizationConfiguration=given(
            IAMConfiguration={"EnableApplicationScopedIAMRole": True} if runtime_roles(settings) else None,
            EmrFsConfiguration={"RoleMappings": mappings} if mappings else None,
        ),
        InstanceMetadataServiceConfiguration={
            "MinimumInstanceMetadataServiceVersion": security.imds,
            "HttpPutResponseHopLimit": security.imds_hops,
        },
    )


def runtime_roles(settings: EmrSettings) -> bool:
    """Tell whether steps may have an IAM role of their own."""
    return settings.cluster.security.runtime_roles or settings.runtime_role is not None


def name(settings: EmrSettings) -> str:
    """Return the name of the security configuration that a cluster has: the user's, or one of its content's making."""
    if settings.cluster.security_configuration:
        return settings.cluster.security_configuration
    content = json.dumps(document(settings), sort_keys=True)
    return f"lakegate-{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def provide(emr: Any, settings: EmrSettings) -> bool:
    """Make the security configuration where it is missing, and tell whether it was made.

    One that the settings name must be there, and fit. Raises SecurityConfigurationError or AwsRefusedError.
    """
    wanted = name(settings)
    found = _found(emr, wanted)
    if settings.cluster.security_configuration:
        _check(wanted, found, settings)
        return False
    if found is not None:
        return False
    try:
        ask(emr.create_security_configuration, Name=wanted, SecurityConfiguration=json.dumps(document(settings)))
    except AwsRefusedError:
        if _found(emr, wanted) is None:  # nobody else made it meanwhile
            raise
    return True


def _found(emr: Any, wanted: str) -> dict[str, Any] | None:
    """Return the content of a security configuration, None where there is none of that name."""
    try:
        text = emr.describe_security_configuration(Name=wanted)["SecurityConfiguration"]
    except aws.failures() as error:
        if aws.code(error) == "InvalidRequestException":
            return None
        raise AwsRefusedError("DescribeSecurityConfiguration", aws.code(error), aws.reason(error)) from error
    content: dict[str, Any] = json.loads(text)
    return content


def _check(wanted: str, found: dict[str, Any] | None, settings: EmrSettings) -> None:
    if found is None:
        raise SecurityConfigurationError(wanted, "is not there")
    kerberos = bool(found.get("AuthenticationConfiguration", {}).get("KerberosConfiguration"))
    if kerberos and not settings.cluster.kerberos:
        raise SecurityConfigurationError(wanted, "has Kerberos, and [emr.cluster.kerberos] is missing")
    if settings.cluster.kerberos and not kerberos:
        raise SecurityConfigurationError(wanted, "has no Kerberos, and [emr.cluster.kerberos] is set")
    roles = found.get("AuthorizationConfiguration", {}).get("IAMConfiguration", {})
    if settings.runtime_role and not roles.get("EnableApplicationScopedIAMRole"):
        raise SecurityConfigurationError(wanted, "does not let steps have a role, and emr.runtime_role is set")


def _tls(transit: CertificateSettings) -> dict[str, Any]:
    return given(
        CertificateProviderType=transit.provider,
        S3Object=transit.s3_object,
        CertificateProviderClass=transit.provider_class,
    )


def _disk(disk: DiskEncryptionSettings) -> dict[str, Any]:
    return given(
        EnableEbsEncryption=True if disk.ebs else None,
        EncryptionKeyProviderType=disk.provider,
        AwsKmsKey=disk.kms_key,
        S3Object=disk.s3_object,
        EncryptionKeyProviderClass=disk.provider_class,
    )


def _kerberos(kdc: KdcSettings) -> dict[str, Any]:
    if kdc.provider == "ExternalKdc":
        ad = kdc.active_directory
        external = given(
            TicketLifetimeInHours=kdc.ticket_hours,
            KdcServerType="Single",
            AdminServer=kdc.admin_server,
            KdcServer=kdc.kdc_server,
            AdIntegrationConfiguration={"AdRealm": ad.realm, "AdDomain": ad.domain} if ad else None,
        )
        return {"Provider": kdc.provider, "ExternalKdcConfiguration": external}
    trust = kdc.trust
    dedicated = given(
        TicketLifetimeInHours=kdc.ticket_hours,
        CrossRealmTrustConfiguration={
            "Realm": trust.realm,
            "Domain": trust.domain,
            "AdminServer": trust.admin_server,
            "KdcServer": trust.kdc_server,
        }
        if trust
        else None,
    )
    return {"Provider": kdc.provider, "ClusterDedicatedKdcConfiguration": dedicated}
