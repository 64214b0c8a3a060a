"""What may a site choose? Read from the environment once, at start, and never changed after that."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DEFAULT_CANONICAL = "https://breast-adapter.example/fhir"


Listed = Annotated[tuple[str, ...], NoDecode]
LISTS = ("auth_issuers", "auth_jwks", "auth_algorithms", "auth_capabilities", "cors_origins")
ADDRESSES = ("auth_jwks", "auth_token_url", "auth_authorize_url", "auth_introspect_url")


class Unusable(Exception):
    """Something cannot be done with these settings; the message says what to change."""


def secret_in(path: Path) -> str:
    """The one line of a file that holds a secret."""
    try:
        found = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError("the file of a secret cannot be read") from error
    if not found:
        raise ValueError("the file of a secret is empty")
    return found


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

    model_config = SettingsConfigDict(env_prefix="ADAPTER_", frozen=True, extra="forbid", env_ignore_empty=True, hide_input_in_errors=True)

    canonical: str = Field(DEFAULT_CANONICAL, description="Base of the canonical URLs of our CodeSystems and OperationDefinitions.")
    mappings: Path | None = Field(None, description="A folder of your own topics, read over the ones that ship with the adapter.")
    schemes: Annotated[dict[str, str], NoDecode] = Field({}, description="Chosen schemes, such as subtype=stgallen2011,fdg-staging=eanm.")
    prognostic_tables: bool = Field(default=True, description="Whether the AJCC prognostic stage tables may be used (see NOTICE).")
    trusted: bool = Field(default=False, description="Skip the full FHIR validation of resources that contribute a fact.")
    max_body_bytes: int = Field(50 * 1024 * 1024, gt=0, description="Largest request body, counted after decompression.")
    max_entries: int = Field(50_000, gt=0, description="Most entries in one Bundle, and most lines in one NDJSON body.")
    auth: Literal["none", "smart"] = Field(
        "smart", description="Who may call: smart is a bearer token of your authorization server; none is anyone, on loopback only."
    )
    auth_issuers: Listed = Field((), description="Your authorization servers, as the `iss` of their tokens, with commas between.")
    auth_jwks: Listed = Field((), description="Where each of them publishes its keys, in the same order.")
    auth_audience: str = Field("", description="The `aud` of a token for us; without it, the public URL with /fhir.")
    auth_algorithms: Listed = Field(("RS384", "ES384"), description="Signatures that are taken; RS256 and ES256 may be added.")
    auth_token_url: str = Field("", description="The token endpoint of the first authorization server, for smart-configuration.")
    auth_authorize_url: str = Field("", description="Its authorization endpoint, where apps are launched.")
    auth_introspect_url: str = Field("", description="Where opaque tokens are asked about (RFC 7662).")
    auth_introspect_client: str = Field("", description="Our client id there; without it, ADAPTER_SMART_CLIENT_ID.")
    auth_introspect_secret_file: Path | None = Field(None, description="A file with our secret there; without it, our key signs.")
    auth_capabilities: Listed = Field(
        ("permission-patient", "permission-user", "permission-v1", "permission-v2"),
        description="The SMART capabilities of your authorization server, for smart-configuration.",
    )
    cors_origins: Listed = Field((), description="Origins of browser apps that may call the FHIR part, such as https://app.example.")
    request_seconds: float = Field(50.0, gt=0, le=600, description="How long one request may be worked on before it is ended.")
    log_format: Literal["text", "json"] = Field("text", description="One line of text, or one JSON object, for each event.")
    metrics_token_file: Path | None = Field(None, description="A file with the bearer token that opens /metrics.")
    operator_secret_file: Path | None = Field(None, description="A file with the password that opens /operations and /try to operators.")
    host: str = Field("127.0.0.1", description="Address to listen on; loopback only while auth is none.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on.")
    fhir_servers: Listed = Field(
        (), description="The FHIR servers that may be called, with commas between; patients are read from and written to the first."
    )
    fhir_ca: Path | None = Field(None, description="Certificates of your own authorities; without it, the ones that ship with Python.")
    fhir_timeout: float = Field(30.0, gt=0, le=120, description="Seconds to wait for a FHIR server to say something.")
    smart_client_id: str = Field("", description="Our client id at the authorization server of the FHIR server (SMART Backend Services).")
    smart_keys: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="Private keys in PEM, with commas between: the first one signs, all are published in our JWKS."
    )
    launch_client_id: str = Field("", description="Our client id as an app that people launch from the record (SMART App Launch).")
    launch_secret_file: Path | None = Field(
        None, description="A file with the secret of that client; keys, where there are some, count first."
    )
    smart_scope: str = Field("system/*.cruds", description="The scopes that we ask for.")
    smart_token_url: str = Field("", description="The token endpoint; without it, the one that the FHIR server names.")
    database: str = Field(
        "sqlite:///onco-adapter.sqlite", repr=False, description="Where jobs are kept: a SQLite file, or postgresql://..."
    )
    database_file: Path | None = Field(None, description="A file that holds the same, for an address with a password in it.")
    public_url: str = Field("", description="How FHIR servers reach this service, such as https://adapter.hospital.example.")
    cds_clients: Annotated[dict[str, str], NoDecode] = Field(
        {}, description="The CDS clients that may call: issuer and address of its keys (JWKS) with a space between, with commas between."
    )
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

    @model_validator(mode="before")
    @classmethod
    def _from_files(cls, given: object) -> object:
        """What stands in a file, so that it stands in no environment that others can read."""
        if not isinstance(given, dict) or not given.get("database_file"):
            return given
        return {**given, "database": secret_in(Path(given["database_file"]))}

    @field_validator("fhir_servers", "smart_keys", *LISTS, mode="before")
    @classmethod
    def _listed(cls, given: object) -> object:
        """A list as it is, or the comma-separated words of an environment variable."""
        return tuple(word.strip() for word in given.split(",") if word.strip()) if isinstance(given, str) else given

    @field_validator("fhir_servers", "public_url", "smart_token_url", "auth_issuers", *ADDRESSES)
    @classmethod
    def _safe(cls, given: str | tuple[str, ...]) -> str | tuple[str, ...]:
        """Addresses that patient data may go to: https, or this machine."""
        for url in (given,) if isinstance(given, str) else given:
            # An issuer is compared as it is written and never called.
            if url and not _is_safe(url):
                raise ValueError("an address is https://host/path, or http:// on this machine")
        return given

    @field_validator("fhir_servers", "public_url", "smart_token_url")
    @classmethod
    def _without_end(cls, given: str | tuple[str, ...]) -> str | tuple[str, ...]:
        """Addresses as paths are joined to them. One that is called or compared as a whole stays as it is."""
        return given.rstrip("/") if isinstance(given, str) else tuple(url.rstrip("/") for url in given)

    @field_validator("cds_clients", mode="before")
    @classmethod
    def _clients(cls, given: object) -> object:
        """A mapping as it is, or the comma-separated pairs of an environment variable."""
        if not isinstance(given, str):
            return given
        pairs = [pair.split() for pair in given.split(",") if pair.strip()]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError("a client is written as its issuer, a space, and the https address of its keys")
        if len({pair[0] for pair in pairs}) < len(pairs):
            raise ValueError("an issuer is named twice")
        return dict(pairs)

    @field_validator("cds_clients")
    @classmethod
    def _safe_keys(cls, given: dict[str, str]) -> dict[str, str]:
        """Keys come over https, or from this machine."""
        if not all(_is_safe(keys) for keys in given.values()):
            raise ValueError("the keys of a client are at https://host/path, or http:// on this machine")
        return given

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        """The token of a client names the address that it calls, which only the site can say for certain."""
        if self.cds_clients and not self.public_url:
            raise ValueError("ADAPTER_CDS_CLIENTS needs ADAPTER_PUBLIC_URL, the address that clients call")
        return self

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        """Origins as a browser writes them; a star would let every page of the web ask with its user's token."""
        for origin in given:
            if not _is_safe(origin) or urlsplit(origin).path or origin != origin.lower():
                raise ValueError("an origin is https://host, with a port where there is one, and nothing behind it")
        return given

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        """Each issuer has keys."""
        if self.auth_jwks and len(self.auth_jwks) != len(self.auth_issuers):
            raise ValueError("ADAPTER_AUTH_JWKS names one address for each of ADAPTER_AUTH_ISSUERS, in the same order")
        return self

    @property
    def audience(self) -> str:
        """For whom a token has to be made."""
        return self.auth_audience or (f"{self.public_url}/fhir" if self.public_url else "")

    @model_validator(mode="after")
    def _can_sign(self) -> Self:
        """A client that is registered has a key to sign with."""
        if self.smart_client_id and not self.smart_keys:
            raise ValueError("ADAPTER_SMART_CLIENT_ID needs ADAPTER_SMART_KEYS, a private key to sign with")
        return self

    @model_validator(mode="after")
    def _can_be_launched(self) -> Self:
        """An app needs a server that launches it and an address that people come back to."""
        if self.launch_client_id and not (self.fhir_servers and self.public_url):
            raise ValueError(
                "ADAPTER_LAUNCH_CLIENT_ID needs ADAPTER_FHIR_SERVERS, which may launch it, and ADAPTER_PUBLIC_URL, where people come back"
            )
        return self

    @field_validator("schemes", mode="before")
    @classmethod
    def _schemes(cls, given: object) -> object:
        """A mapping as it is, or the comma-separated words of an environment variable."""
        return schemes_from([word for word in given.split(",") if word.strip()]) if isinstance(given, str) else given
