"""How are the rooms joined for work that outlives a request? The outbox, the servers of the list, and the pipeline between them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import adapter
from adapter import pipeline
from adapter.delivery.database import opened
from adapter.delivery.jobs import Patience
from adapter.delivery.sightings import Lookout
from adapter.delivery.workplace import ConnectAs, Workplace
from adapter.fhir.client import Authorize, Exchange, FhirServer, nobody
from adapter.fhir.identifiers import device_identifier, full_url
from adapter.fhir.libraries import Named
from adapter.fhir.lines import Interpret
from adapter.fhir.observation import public
from adapter.fhir.outgoing import Limits
from adapter.fhir.parameters import refuse
from adapter.fhir.trouble import Fault, Trouble
from adapter.fhir.write_back import Author
from adapter.fhir.writer import device_resource
from adapter.knowledge.books import Knowledge
from adapter.knowledge.rule_sets import WHOLE
from adapter.settings import Settings, Unusable, schemes_from

if TYPE_CHECKING:
    from adapter.fhir.smart_backend import PrivateKey
    from adapter.fhir.smart_launch import App


def workplace(settings: Settings, books: Knowledge) -> Workplace:
    """Everything that a worker needs, with the database opened and brought up to date."""
    engine = opened(settings.database)
    lookout = Lookout(engine, lambda: datetime.now(UTC))
    return Workplace(
        engine=engine,
        connect=_connecting(settings),
        connect_as=_connecting_as(settings),
        interpret=_interpreting(settings, books, lookout),
        answer=_answering(settings, books, lookout),
        author=author(books),
        canonical=books.canonical,
        clock=lambda: datetime.now(UTC),
        patience=Patience(give_up_after=timedelta(hours=settings.give_up_hours)),
        lookout=lookout,
        max_entries=settings.max_entries,
        name=worker_name(os.getpid()),
        keep_answers=timedelta(hours=settings.keep_answers_hours),
    )


def _answering(settings: Settings, books: Knowledge, lookout: Lookout) -> Interpret:
    def answer(bundle: bytes, schemes: Sequence[str]) -> bytes:
        """The result Bundle of what was posted; the caller's schemes count before the site's."""
        try:
            chosen = schemes_from(list(schemes))
        except ValueError as error:
            refuse("unknown-scheme", str(error))
        wishes = request(settings)
        reply = pipeline.interpret([bundle], books, wishes.model_copy(update={"schemes": wishes.schemes | chosen}))
        lookout.note("(posted for later)", reply.unmapped)
        return reply.bundle

    return answer


def _interpreting(settings: Settings, books: Knowledge, lookout: Lookout) -> Callable[[bytes], bytes]:
    """From the record of a patient on the first server to the result Bundle; what our maps do not have is counted for that server."""

    def interpret(bundle: bytes) -> bytes:
        reply = pipeline.interpret([bundle], books, request(settings))
        lookout.note(next(iter(settings.fhir_servers), ""), reply.unmapped)
        return reply.bundle

    return interpret


def worker_name(process: int) -> str:
    """How a worker signs the jobs that it holds."""
    return f"{socket.gethostname()[:50]}-{process}"


def request(settings: Settings) -> pipeline.Request:
    """How a site wants every patient to be interpreted."""
    return pipeline.Request(
        schemes=settings.schemes,
        trusted=settings.trusted,
        issued=datetime.now(UTC),
        prognostic_tables=settings.prognostic_tables,
        max_entries=settings.max_entries,
    )


def author(books: Knowledge) -> Author:
    """This software with these books, as FHIR names it."""
    named = device_identifier(books.canonical, adapter.__version__, books.version)
    return Author(
        device=device_resource(named, adapter.__version__, books.version, books.outputs),
        url=full_url(named),
        part=public(books.outputs.agent),
        policy=Named(books.canonical, books.version).rule_set(WHOLE),
    )


def _connecting(settings: Settings) -> Callable[[str, Callable[[Exchange], None] | None], FhirServer]:
    key, limits, authority = _signing_key(settings), _limits(settings), _authority(settings)

    @cache
    def authorize(base: str) -> Authorize:
        """One token for each server, shared by all that this process asks of it."""
        if key is None:
            return nobody
        from adapter.fhir.smart_backend import BackendService

        service = BackendService(
            base,
            settings.smart_client_id,
            key,
            settings.smart_scope,
            token_url=settings.smart_token_url,
            limits=limits,
            ca=authority,
        )
        return service.headers

    def connect(base: str, heard: Callable[[Exchange], None] | None) -> FhirServer:
        if base not in settings.fhir_servers:
            raise Trouble(Fault.NOT_ALLOWED, "the job names a server that is not among ADAPTER_FHIR_SERVERS")
        return FhirServer(base, settings.fhir_servers, authorize(base), limits, authority, heard)

    return connect


def _limits(settings: Settings) -> Limits:
    return Limits(read=settings.fhir_timeout, whole=2 * settings.fhir_timeout, max_bytes=settings.max_body_bytes)


def _authority(settings: Settings) -> str | None:
    return str(settings.fhir_ca) if settings.fhir_ca else None


def _connecting_as(settings: Settings) -> ConnectAs:
    """The servers of the list, asked with a token that a person or a client lent us; it cannot be renewed. Without one, as nobody."""

    def connect(base: str, token: str, heard: Callable[[Exchange], None]) -> FhirServer:
        if base not in settings.fhir_servers:
            raise Trouble(Fault.NOT_ALLOWED, "the caller names a server that is not among ADAPTER_FHIR_SERVERS")
        headers = {"Authorization": f"Bearer {token}"}
        return FhirServer(base, (base,), (lambda _renew: headers) if token else nobody, _limits(settings), _authority(settings), heard)

    return connect


def app_registration(settings: Settings) -> App:
    """How an authorization server knows us as an app: by a key, by a secret, or by our name and address alone."""
    from adapter.fhir.smart_launch import App

    try:
        secret = settings.launch_secret_file.read_text().strip() if settings.launch_secret_file else ""
    except OSError as error:
        raise Unusable("ADAPTER_LAUNCH_SECRET_FILE has to name a readable file") from error
    return App(
        settings.launch_client_id,
        f"{settings.public_url}/launch/callback",
        _first_key(settings),
        secret,
        _authority(settings),
    )


def _signing_key(settings: Settings) -> PrivateKey | None:
    """The key that we sign with, read at the start so that a wrong one is said at once; None where no token is asked for."""
    return _first_key(settings) if settings.smart_client_id else None


def _first_key(settings: Settings) -> PrivateKey | None:
    if not settings.smart_keys:
        return None
    from adapter.fhir.smart_backend import BadKey, private_key

    try:
        first, *_ = [private_key(path) for path in settings.smart_keys]
    except BadKey as error:
        raise Unusable(str(error)) from error
    return first
