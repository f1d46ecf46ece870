"""The entity sets, what each shows and what it leads to (OGC 18-088, clause 8.2).

An outlet is a Thing, a factor of it with an averaging a Datastream, a reading an Observation. Ids are
texts made of registry ids and codes, the same in every system that holds the same registry.
"""

from dataclasses import dataclass
from types import MappingProxyType

from shared.contracts.ingest import ReadingKind

PERIODS = MappingProxyType({ReadingKind.REALTIME: 0, ReadingKind.HOUR: 3_600, ReadingKind.DAY: 86_400})
"""Seconds a value stands for; that of a minute value is the outlet's own interval."""


@dataclass(frozen=True, kw_only=True)
class EntitySet:
    """One set: its columns in answers, and its links: name → (set, its column, our column; whether it is many)."""

    name: str
    columns: tuple[str, ...]
    links: "MappingProxyType[str, Link]"


@dataclass(frozen=True)
class Link:
    """A navigation property: the set it leads to holds rows whose `theirs` equals our `ours`."""

    target: str
    theirs: str
    ours: str
    many: bool


def _links(**links: tuple[str, str, str, bool]) -> "MappingProxyType[str, Link]":
    return MappingProxyType({name: Link(*link) for name, link in links.items()})


SETS: "MappingProxyType[str, EntitySet]" = MappingProxyType(
    {
        item.name: item
        for item in (
            EntitySet(
                name="Things",
                columns=("name", "description", "properties"),
                links=_links(
                    Datastreams=("Datastreams", "thing", "id", True),
                    Locations=("Locations", "id", "id", True),
                    HistoricalLocations=("HistoricalLocations", "thing", "id", True),
                ),
            ),
            EntitySet(
                name="Locations",
                columns=("name", "description", "encodingType", "location", "properties"),
                links=_links(
                    Things=("Things", "id", "id", True),
                    HistoricalLocations=("HistoricalLocations", "thing", "id", True),
                ),
            ),
            EntitySet(
                name="HistoricalLocations",
                columns=("time",),
                links=_links(Thing=("Things", "id", "thing", False), Locations=("Locations", "id", "thing", True)),
            ),
            EntitySet(
                name="Datastreams",
                columns=("name", "description", "observationType", "unitOfMeasurement", "observedArea", "properties"),
                links=_links(
                    Thing=("Things", "id", "thing", False),
                    Sensor=("Sensors", "id", "sensor", False),
                    ObservedProperty=("ObservedProperties", "id", "factor", False),
                    Observations=("Observations", "datastream", "id", True),
                ),
            ),
            EntitySet(
                name="Sensors",
                columns=("name", "description", "encodingType", "metadata", "properties"),
                links=_links(Datastreams=("Datastreams", "sensor", "id", True)),
            ),
            EntitySet(
                name="ObservedProperties",
                columns=("name", "definition", "description", "properties"),
                links=_links(Datastreams=("Datastreams", "factor", "id", True)),
            ),
            EntitySet(
                name="Observations",
                columns=("phenomenonTime", "resultTime", "result", "resultQuality", "parameters"),
                links=_links(
                    Datastream=("Datastreams", "id", "datastream", False),
                    FeatureOfInterest=("FeaturesOfInterest", "id", "thing", False),
                ),
            ),
            EntitySet(
                name="FeaturesOfInterest",
                columns=("name", "description", "encodingType", "feature", "properties"),
                links=_links(Observations=("Observations", "thing", "id", True)),
            ),
        )
    }
)

CONFORMANCE = (
    "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/resource-path/resource-path-to-entities",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/request-data/order",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/request-data/expand",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/request-data/select",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/request-data/count",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/request-data/skip",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/request-data/top",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/request-data/filter",
    "http://www.opengis.net/spec/iot_sensing/1.1/req/request-data/pagination",
)
"""What is served. Built-in filter functions in part, batch, creation, MQTT and MultiDatastreams not at all."""
