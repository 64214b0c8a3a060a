"""What may a site choose? Read from the environment once, at start, and never changed after that."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DEFAULT_CANONICAL = "https://breast-adapter.example/fhir"


class Unusable(Exception):
    """Something cannot be done with these settings; the message says what to change."""


def schemes_from(words: list[str]) -> dict[str, str]:
    """The chosen scheme of each rule family, from words such as `subtype=stgallen2011`."""
    chosen: dict[str, str] = {}
    for word in words:
        family, equals, scheme = (part.strip() for part in word.partition("="))
        if not (family and equals and scheme):
            raise ValueError(f"a scheme is written family=scheme, such as subtype=stgallen2011; got {word!r}")
        if chosen.get(family, scheme) != scheme:
            raise ValueError(f"two schemes were named for {family}: {chosen[family]} and {scheme}")
        chosen[family] = scheme
    return chosen


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    is_plain = bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)
    return is_plain and (parts.scheme == "https" or (parts.scheme == "http" and is_here))


class Settings(BaseSettings):
    """Every choice a site has; each is the environment variable ADAPTER_ and its name in capitals.

    The base class is the one of pydantic-settings because that is what reads the environment; the values are frozen like all others.
    """

    model_config = SettingsConfigDict(env_prefix="ADAPTER_", frozen=True, extra="forbid", env_ignore_empty=True)

    canonical: str = Field(DEFAULT_CANONICAL, description="Base of the canonical URLs of our CodeSystems and OperationDefinitions.")
    mappings: Path | None = Field(None, description="A folder of your own topics, read over the ones that ship with the adapter.")
    schemes: Annotated[dict[str, str], NoDecode] = Field({}, description="Chosen schemes, such as subtype=stgallen2011,fdg-staging=eanm.")
    prognostic_tables: bool = Field(default=True, description="Whether the AJCC prognostic stage tables may be used (see NOTICE).")
    trusted: bool = Field(default=False, description="Skip the full FHIR validation of resources that contribute a fact.")
    max_body_bytes: int = Field(50 * 1024 * 1024, gt=0, description="Largest request body, counted after decompression.")
    max_entries: int = Field(50_000, gt=0, description="Most entries in one Bundle, and most lines in one NDJSON body.")
    auth: Literal["none"] = Field("none", description="Who may call; none means anyone who can reach the port, so loopback only.")
    host: str = Field("127.0.0.1", description="Address to listen on; loopback only while auth is none.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on.")
    fhir_servers: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="The FHIR servers that may be called, with commas between; patients are read from and written to the first."
    )
    fhir_ca: Path | None = Field(None, description="Certificates of your own authorities; without it, the ones that ship with Python.")
    fhir_timeout: float = Field(30.0, gt=0, le=120, description="Seconds to wait for a FHIR server to say something.")
    smart_client_id: str = Field("", description="Our client id at the authorization server of the FHIR server (SMART Backend Services).")
    smart_keys: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="Private keys in PEM, with commas between: the first one signs, all are published in our JWKS."
    )
    smart_scope: str = Field("system/*.cruds", description="The scopes that we ask for.")
    smart_token_url: str = Field("", description="The token endpoint; without it, the one that the FHIR server names.")
    database: str = Field("sqlite:///onco-adapter.sqlite", description="Where jobs are kept: a SQLite file, or postgresql://...")
    public_url: str = Field("", description="How FHIR servers reach this service, such as https://adapter.hospital.example.")
    audit_send: bool = Field(default=False, description="Send each AuditEvent to the FHIR server as well.")
    give_up_hours: float = Field(72.0, gt=0, description="How long a server may be away before a job waits for a person.")
    catch_up_minutes: float = Field(
        60.0, gt=0, description="After how much silence of a Subscription everything that changed is looked for."
    )
    keep_days: float = Field(
        90.0, gt=0, description="How long jobs that are done are kept; dead ones are kept until they are asked for again."
    )

    keep_answers_hours: float = Field(
        24.0, gt=0, description="How long what was posted to be interpreted later, and its answer, are kept at most."
    )

    @property
    def keeps_jobs(self) -> bool:
        """Whether there is a database for work that outlives a request: one was named, or there is a FHIR server to work with."""
        return bool(self.fhir_servers) or "database" in self.model_fields_set

    @field_validator("canonical")
    @classmethod
    def _without_closing_slash(cls, canonical: str) -> str:
        """The base as it is joined to `/CodeSystem/...`."""
        if not canonical.startswith(("http://", "https://")):
            raise ValueError("the canonical base is an absolute http(s) URL")
        return canonical.rstrip("/")

    @field_validator("fhir_servers", "smart_keys", mode="before")
    @classmethod
    def _listed(cls, given: object) -> object:
        """A list as it is, or the comma-separated words of an environment variable."""
        return tuple(word.strip() for word in given.split(",") if word.strip()) if isinstance(given, str) else given

    @field_validator("fhir_servers", "public_url", "smart_token_url")
    @classmethod
    def _safe(cls, given: str | tuple[str, ...]) -> str | tuple[str, ...]:
        """Addresses that patient data may go to: https, or this machine."""
        for url in (given,) if isinstance(given, str) else given:
            if url and not _is_safe(url):
                raise ValueError("an address is https://host/path, or http:// on this machine")
        return given.rstrip("/") if isinstance(given, str) else tuple(url.rstrip("/") for url in given)

    @model_validator(mode="after")
    def _can_sign(self) -> Self:
        """A client that is registered has a key to sign with."""
        if self.smart_client_id and not self.smart_keys:
            raise ValueError("ADAPTER_SMART_CLIENT_ID needs ADAPTER_SMART_KEYS, a private key to sign with")
        return self

    @field_validator("schemes", mode="before")
    @classmethod
    def _schemes(cls, given: object) -> object:
        """A mapping as it is, or the comma-separated words of an environment variable."""
        return schemes_from([word for word in given.split(",") if word.strip()]) if isinstance(given, str) else given
