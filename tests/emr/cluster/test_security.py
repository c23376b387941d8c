import json
from typing import Any

import pytest

from framework.config import EmrSettings
from framework.emr.cluster.security import document, name, provide
from framework.errors import AwsRefusedError, SecurityConfigurationError
from tests.emr.amazon import Amazon, refusal

KEY = "arn:aws:kms:eu-north-1:123456789012:key/1"
ROLE = "arn:aws:iam::123456789012:role/steps"
JAR = "s3://bucket/provider.jar"
MISSING = refusal("DescribeSecurityConfiguration", "InvalidRequestException", "does not exist")


def settings(role: str | None = None, **cluster: Any) -> EmrSettings:
    return EmrSettings.model_validate({"runtime_role": role, "cluster": cluster})


def secured(**security: Any) -> dict[str, Any]:
    return document(settings(security=security))


def found(content: dict[str, Any]) -> dict[str, str]:
    return {"Name": "theirs", "SecurityConfiguration": json.dumps(content)}


def test_by_default_s3_is_encrypted_and_metadata_needs_a_token() -> None:
    assert document(settings()) == {
        "EncryptionConfiguration": {
            "EnableInTransitEncryption": False,
            "EnableAtRestEncryption": True,
            "AtRestEncryptionConfiguration": {"S3EncryptionConfiguration": {"EncryptionMode": "SSE-S3"}},
        },
        "InstanceMetadataServiceConfiguration": {
            "MinimumInstanceMetadataServiceVersion": 2,
            "HttpPutResponseHopLimit": 1,
        },
    }


def test_encryption_says_keys_certificates_and_buckets_that_differ() -> None:
    made = secured(
        s3={"mode": "SSE-KMS", "kms_key": KEY, "overrides": [{"bucket": "open", "mode": "SSE-S3"}]},
        disk={"kms_key": KEY},
        in_transit={"s3_object": "s3://b/certs.zip"},
    )
    assert made["EncryptionConfiguration"] == {
        "EnableInTransitEncryption": True,
        "EnableAtRestEncryption": True,
        "InTransitEncryptionConfiguration": {
            "TLSCertificateConfiguration": {"CertificateProviderType": "PEM", "S3Object": "s3://b/certs.zip"}
        },
        "AtRestEncryptionConfiguration": {
            "S3EncryptionConfiguration": {
                "EncryptionMode": "SSE-KMS",
                "AwsKmsKey": KEY,
                "Overrides": [{"BucketName": "open", "EncryptionMode": "SSE-S3"}],
            },
            "LocalDiskEncryptionConfiguration": {
                "EnableEbsEncryption": True,
                "EncryptionKeyProviderType": "AwsKms",
                "AwsKmsKey": KEY,
            },
        },
    }


def test_providers_of_ones_own_are_named_with_their_class() -> None:
    own = {"s3_object": JAR, "provider_class": "a.B"}
    encryption = secured(
        s3={"mode": "CSE-Custom", **own}, disk={"provider": "Custom", **own}, in_transit={"provider": "Custom", **own}
    )["EncryptionConfiguration"]
    at_rest = encryption["AtRestEncryptionConfiguration"]
    jar = {"S3Object": JAR, "EncryptionKeyProviderClass": "a.B"}
    assert at_rest["S3EncryptionConfiguration"] == {"EncryptionMode": "CSE-Custom", **jar}
    assert at_rest["LocalDiskEncryptionConfiguration"] == {"EncryptionKeyProviderType": "Custom", **jar}
    tls = encryption["InTransitEncryptionConfiguration"]["TLSCertificateConfiguration"]
    assert tls == {"CertificateProviderType": "Custom", "S3Object": JAR, "CertificateProviderClass": "a.B"}


def test_only_in_transit_is_possible_and_so_is_no_encryption_at_all() -> None:
    only = secured(encrypt_s3=False, in_transit={"s3_object": JAR})["EncryptionConfiguration"]
    assert (only["EnableInTransitEncryption"], only["EnableAtRestEncryption"]) == (True, False)
    assert "AtRestEncryptionConfiguration" not in only
    assert list(secured(encrypt_s3=False)) == ["InstanceMetadataServiceConfiguration"]


def test_kerberos_names_its_kdc_a_trusted_realm_or_a_server_elsewhere() -> None:
    trust = {"realm": "AD.X", "domain": "ad.x", "admin_server": "ad.x:749", "kdc_server": "ad.x:88"}
    own = settings(kerberos={"realm": "R", "cross_realm": True}, security={"kdc": {"trust": trust, "ticket_hours": 8}})
    assert document(own)["AuthenticationConfiguration"]["KerberosConfiguration"] == {
        "Provider": "ClusterDedicatedKdc",
        "ClusterDedicatedKdcConfiguration": {
            "TicketLifetimeInHours": 8,
            "CrossRealmTrustConfiguration": {
                "Realm": "AD.X",
                "Domain": "ad.x",
                "AdminServer": "ad.x:749",
                "KdcServer": "ad.x:88",
            },
        },
    }
    elsewhere = {
        "provider": "ExternalKdc",
        "admin_server": "h:749",
        "kdc_server": "h:88",
        "active_directory": {"realm": "AD.X", "domain": "ad.x"},
    }
    external = document(settings(kerberos={"realm": "R"}, security={"kdc": elsewhere}))
    assert external["AuthenticationConfiguration"]["KerberosConfiguration"] == {
        "Provider": "ExternalKdc",
        "ExternalKdcConfiguration": {
            "TicketLifetimeInHours": 24,
            "KdcServerType": "Single",
            "AdminServer": "h:749",
            "KdcServer": "h:88",
            "AdIntegrationConfiguration": {"AdRealm": "AD.X", "AdDomain": "ad.x"},
        },
    }


def test_a_role_of_the_steps_turns_runtime_roles_on() -> None:
    on = {"IAMConfiguration": {"EnableApplicationScopedIAMRole": True}}
    assert document(settings(ROLE))["AuthorizationConfiguration"] == on
    assert secured(runtime_roles=True)["AuthorizationConfiguration"] == on
    mapping = {"role": ROLE, "kind": "User", "identifiers": ["u"]}
    assert secured(role_mappings=[mapping])["AuthorizationConfiguration"]["EmrFsConfiguration"] == {
        "RoleMappings": [{"Role": ROLE, "IdentifierType": "User", "Identifiers": ["u"]}]
    }


def test_the_name_follows_from_the_content() -> None:
    assert name(settings()) == name(settings(name="other"))
    assert len({name(settings()), name(settings(ROLE)), name(settings(security={"imds": 1}))}) == 3
    assert name(settings(security_configuration="theirs")) == "theirs"


def test_it_is_made_once_and_found_by_its_name_after_that() -> None:
    made = {"Name": "n", "CreationDateTime": "2026-11-21T00:00:00Z"}
    emr = Amazon(describe_security_configuration=[MISSING], create_security_configuration=[made])
    assert provide(emr, settings()) is True
    (sent,) = emr.asked("create_security_configuration")
    assert sent["Name"] == name(settings())
    assert json.loads(sent["SecurityConfiguration"]) == document(settings())
    assert provide(Amazon(describe_security_configuration=[found({})]), settings()) is False


def test_one_that_somebody_else_makes_meanwhile_will_do() -> None:
    exists = refusal("CreateSecurityConfiguration", "InvalidRequestException", "already exists")
    emr = Amazon(describe_security_configuration=[MISSING, found({})], create_security_configuration=[exists])
    assert provide(emr, settings()) is True
    denied = refusal("CreateSecurityConfiguration", "AccessDeniedException")
    with pytest.raises(AwsRefusedError, match="AccessDenied"):
        provide(Amazon(describe_security_configuration=[MISSING], create_security_configuration=[denied]), settings())
    denied = refusal("DescribeSecurityConfiguration", "AccessDeniedException")
    with pytest.raises(AwsRefusedError, match="AccessDenied"):
        provide(Amazon(describe_security_configuration=[denied]), settings())


KERBEROS = {"AuthenticationConfiguration": {"KerberosConfiguration": {"Provider": "ClusterDedicatedKdc"}}}
ROLES = {"AuthorizationConfiguration": {"IAMConfiguration": {"EnableApplicationScopedIAMRole": True}}}


@pytest.mark.parametrize(
    ("answer", "given", "said"),
    [
        (MISSING, {}, "is not there"),
        (found(KERBEROS), {}, r"\[emr.cluster.kerberos\] is missing"),
        (found({}), {"kerberos": {"realm": "R"}}, "has no Kerberos"),
        (found({}), {"role": ROLE}, "does not let steps have a role"),
    ],
)
def test_one_that_the_settings_name_must_be_there_and_fit(answer: Any, given: dict[str, Any], said: str) -> None:
    with pytest.raises(SecurityConfigurationError, match=said):
        provide(Amazon(describe_security_configuration=[answer]), settings(security_configuration="theirs", **given))


def test_one_that_fits_is_left_as_it_is() -> None:
    emr = Amazon(describe_security_configuration=[found(KERBEROS | ROLES)])
    assert not provide(emr, settings(ROLE, security_configuration="theirs", kerberos={"realm": "R"}))
