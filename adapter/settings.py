"""What may a site choose? Read from the environment once, at start, and never changed after that."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DEFAULT_CANONICAL = "https://breast-adapter.example/fhir"


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
    max_entries: int = Field(50_000, gt=0, description="Most entries in one Bundle.")
    auth: Literal["none"] = Field("none", description="Who may call; none means anyone who can reach the port, so loopback only.")
    host: str = Field("127.0.0.1", description="Address to listen on; loopback only while auth is none.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on.")

    @field_validator("canonical")
    @classmethod
    def _without_closing_slash(cls, canonical: str) -> str:
        """The base as it is joined to `/CodeSystem/...`."""
        if not canonical.startswith(("http://", "https://")):
            raise ValueError("the canonical base is an absolute http(s) URL")
        return canonical.rstrip("/")

    @field_validator("schemes", mode="before")
    @classmethod
    def _schemes(cls, given: object) -> object:
        """A mapping as it is, or the comma-separated words of an environment variable."""
        return schemes_from([word for word in given.split(",") if word.strip()]) if isinstance(given, str) else given
