"""What tables ask of Delta: the first version of Delta with each table property and table feature.

The versions are those of Delta's page on the compatibility of features, and of its release notes where that page says
nothing. A property or feature that is not here is not judged: Delta itself refuses what it does not know.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from framework.lanes import numbers

CLUSTERING = "clustering"
OFF = ("false", "none", "classic")

PROPERTIES = {
    "delta.columnMapping.mode": "1.2",
    "delta.enableChangeDataFeed": "2.0",
    "delta.enableDeletionVectors": "2.3",
    "delta.checkpointPolicy": "3.0",
    "delta.enableIcebergCompatV1": "3.0",
    "delta.universalFormat.enabledFormats": "3.0",
    "delta.autoOptimize.autoCompact": "3.1",
    "delta.autoOptimize.optimizeWrite": "3.1",
    "delta.enableIcebergCompatV2": "3.1",
    "delta.enableRowTracking": "3.2",
    "delta.enableTypeWidening": "3.2",
    "delta.enableInCommitTimestamps": "3.3",
    "delta.enableMaterializePartitionColumnsFeature": "4.1",
    "delta.enableVariantShredding": "4.1",
}
# As in `delta.feature.NAME`; until 2.3 a table could not name its features one by one.
FEATURES = {
    "appendOnly": "2.3",
    "changeDataFeed": "2.3",
    "checkConstraints": "2.3",
    "columnMapping": "2.3",
    "deletionVectors": "2.3",
    "generatedColumns": "2.3",
    "invariants": "2.3",
    "timestampNtz": "2.4",
    "domainMetadata": "3.0",
    "icebergCompatV1": "3.0",
    "v2Checkpoint": "3.0",
    "allowColumnDefaults": "3.1",
    CLUSTERING: "3.1",
    "icebergCompatV2": "3.1",
    "rowTracking": "3.2",
    "typeWidening-preview": "3.2",
    "checkpointProtection": "3.3",
    "identityColumns": "3.3",
    "inCommitTimestamp": "3.3",
    "typeWidening": "3.3",
    "variantType": "4.0",
    "catalogManaged": "4.0.1",
    "materializePartitionColumns": "4.1",
    "variantShredding": "4.1",
}
FIRST = {name.lower(): version for name, version in PROPERTIES.items()}
FIRST |= {f"delta.feature.{name}".lower(): version for name, version in FEATURES.items()}


@dataclass(frozen=True, slots=True)
class TableNeeds:
    """What one table asks of Delta: the properties that it declares, and whether it is clustered."""

    properties: Mapping[str, str] = field(default_factory=dict)
    is_clustered: bool = False


def missing(needs: TableNeeds, delta: str) -> Iterator[tuple[str, str]]:
    """Give each property, or `clustering`, that a version of Delta lacks, with the first version that has it.

    Like Delta it takes no notice of upper and lower case. A property that is switched off asks for nothing.
    """
    if needs.is_clustered and numbers(delta) < numbers(FEATURES[CLUSTERING]):
        yield CLUSTERING, FEATURES[CLUSTERING]
    for name, value in needs.properties.items():
        first = FIRST.get(name.lower())
        if first and value.lower() not in OFF and numbers(delta) < numbers(first):
            yield name, first
