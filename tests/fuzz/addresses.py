"""Media types, addresses and queries that are asked for: right ones, rare ones, and wrong ones."""

from __future__ import annotations

from urllib.parse import quote

MEDIA = (
    *(
        "application/fhir+json",
        "application/json",
        "text/json",
        "application/fhir+xml",
        "text/xml",
        "text/plain",
        "application/fhir+ndjson",
        "",
    ),
    *(
        "application/x-ndjson",
        "application/fhir+json; charset=utf-16",
        "application/fhir+json; charset=latin-1",
        "application/json;charset=UTF-8",
    ),
    *(
        "application/fhir+json; fhirVersion=5.0",
        "application/fhir+json;fhirVersion=4.0",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
    ),
    *(
        "application/x-www-form-urlencoded",
        ";",
        "a/b/c",
        "application/fhir+json; charset=",
        'application/fhir+json; charset="',
        "x" * 5000,
        "*/*",
    ),
)
ACCEPTED = (
    *MEDIA,
    "application/fhir+json;q=0",
    "application/json;q=x",
    "*/*;q=0.1",
    "application/fhir+json;q=1e400",
    ",,,",
    "q=1",
    "*" * 999,
)
ENCODINGS = ("gzip", "x-gzip", "deflate", "br", "gzip, gzip", "identity", "GZIP", "zstd", "*", "")
QUERIES = (
    *(
        "_format=json",
        "_format=xml",
        "_format=",
        "_format=%FF",
        "_format=application/fhir+json;fhirVersion=9",
        "_pretty=true",
        "_pretty=%00",
    ),
    *(
        "scheme=subtype%3Dstgallen2011",
        "scheme=x%3Dy",
        "scheme=%3D",
        "scheme=subtype",
        "x=y",
        "%ED%A0%80=1",
        "a[]=1",
        "&&&=&",
        "_summary=count",
    ),
    *(
        "_elements=id",
        "_format=json&_format=xml",
        "scheme=" + "x" * 9999,
        "_format=" + "a;" * 3000,
        "_since=never",
        "_outputFormat=csv",
        "%",
    ),
)
PLACES = (
    *(
        "metadata",
        "OperationDefinition",
        "CodeSystem",
        "StructureDefinition",
        "ValueSet",
        "Library",
        "ConceptMap",
        "CodeSystem/result",
        "Library/grade",
    ),
    *(
        "Library/knowledge",
        "StructureDefinition/pet-uptake",
        "OperationDefinition/$interpret",
        "CodeSystem/_search",
        "ConceptMap/$translate",
        "Patient",
    ),
    *(
        "Patient/p/$interpret-breast-cancer",
        "Patient/../$interpret-breast-cancer",
        "Patient/%00/$interpret-breast-cancer",
        "Patient/p/$interpret-and-write",
    ),
    *(
        "jobs/x",
        "jobs/%FF",
        "$unknown",
        "$interpret-breast-cancer/",
        "..%2f..%2fetc/passwd",
        "",
        "Observation/1/_history/2",
        "CodeSystem/" + "x" * 3000,
    ),
)
OUTSIDE = (
    "/",
    "//",
    "/health/live",
    "/health/ready",
    "/.well-known/smart-configuration",
    "/openapi.json",
    "/metrics",
    "/favicon.ico",
    "/%2e%2e/%00",
)
SEARCHES = (
    "_id=result",
    "_id=",
    "url=x",
    "url=" + quote("http://a|1"),
    "_id=%00",
    "name=x",
    "_count=-1",
    "_count=1e9",
    "_id=a&_id=b",
    "url=%FF",
    "_sort=-x",
)
