from typing import Any

from framework.config import ClusterSettings
from framework.emr.cluster.network import Network, look
from tests.emr.amazon import Amazon, refusal

IGW = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}
NAT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}


def subnets(*names: str) -> list[Any]:
    return [{"Subnets": [{"SubnetId": name, "VpcId": "vpc-1"} for name in names]}]


def table(route: dict[str, str], **association: Any) -> dict[str, Any]:
    return {"Associations": [association], "Routes": [route]}


def test_a_subnet_is_public_when_its_own_routes_lead_to_an_internet_gateway() -> None:
    tables = [table(IGW, SubnetId="subnet-1"), table(NAT, SubnetId="subnet-2"), table(IGW, Main=True)]
    ec2 = Amazon(
        "ec2", describe_subnets=subnets("subnet-1", "subnet-2"), describe_route_tables=[{"RouteTables": tables}]
    )
    # One more than groups take: here it is the looking that counts.
    cluster = ClusterSettings().model_copy(update={"subnets": ("subnet-1", "subnet-2")})
    assert look(ec2, cluster) == Network(public=("subnet-1",))


def test_a_subnet_without_a_table_has_that_of_its_network() -> None:
    cluster = ClusterSettings(subnets=("subnet-1",))
    for route, public in ((IGW, ("subnet-1",)), (NAT, ())):
        tables = [table(route, Main=True), table(IGW, SubnetId="subnet-9")]
        ec2 = Amazon("ec2", describe_subnets=subnets("subnet-1"), describe_route_tables=[{"RouteTables": tables}])
        assert look(ec2, cluster).public == public


def test_rules_that_let_anybody_in_are_named() -> None:
    rules = [
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "tcp", "FromPort": 8000, "ToPort": 8099, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
    ]
    groups = {"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": rules}]}
    ec2 = Amazon("ec2", describe_security_groups=[groups])
    given = {"primary": "sg-1", "nodes": "sg-2", "more_nodes": ["sg-3"]}
    cluster = ClusterSettings.model_validate({"security_groups": given})
    assert look(ec2, cluster).open == ("sg-1 port 22", "sg-1 ports 8000-8099", "sg-1 every port")
    assert ec2.asked("describe_security_groups") == [{"GroupIds": ["sg-1", "sg-2", "sg-3"]}]


def test_what_may_not_be_seen_is_told_and_not_raised() -> None:
    ec2 = Amazon("ec2", describe_subnets=[refusal("DescribeSubnets", "UnauthorizedOperation")])
    assert look(ec2, ClusterSettings(subnets=("subnet-1",))) == Network(unseen="DescribeSubnets: UnauthorizedOperation")
    assert look(Amazon("ec2"), ClusterSettings()) == Network()
