"""What does a worker work with? Joined once, where the rooms are joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from adapter.delivery import outbox
from adapter.delivery.jobs import Job, Patience
from adapter.delivery.sightings import Lookout
from adapter.facts.case import UnmappedCode
from adapter.fhir.client import Exchange, FhirServer
from adapter.fhir.lines import Interpret
from adapter.fhir.trouble import Fault, Trouble
from adapter.fhir.write_back import Author

# A server of the list, whose exchanges are heard by the one who asked for it.
Connect = Callable[[str, Callable[[Exchange], None] | None], FhirServer]

# The same with a token that was lent to us.
ConnectAs = Callable[[str, str, Callable[[Exchange], None]], FhirServer]


def _nobody(_base: str, _token: str, _heard: Callable[[Exchange], None]) -> FhirServer:
    raise Trouble(Fault.NOT_ALLOWED, "nobody is launched from a record here")


DEFAULT_PATIENCE = Patience()
_HOLDS_IN_A_LEASE = 20


@dataclass(frozen=True, slots=True)
class Workplace:
    """The database, the servers, the pipeline from a Bundle to a result Bundle (`answer` with schemes of the caller), and the clock."""

    engine: Engine
    connect: Connect
    interpret: Callable[[bytes], bytes]
    answer: Interpret
    author: Author
    canonical: str
    clock: Callable[[], datetime]
    connect_as: ConnectAs = _nobody
    patience: Patience = DEFAULT_PATIENCE
    lookout: Lookout | None = None
    max_entries: int = 50_000
    name: str = "worker"
    keep_answers: timedelta = timedelta(hours=24)
    # How many posted requests may wait: what nobody answers must not fill the disk.
    most_waiting: int = 1000

    def note(self, sender: str, codes: Mapping[UnmappedCode, int]) -> None:
        """Count the codes of a sender that our maps do not have."""
        if self.lookout is not None:
            self.lookout.note(sender, codes)

    def holding(self, job: Job) -> Callable[[str], None]:
        """The same for something that happens often: only what comes a while after the last time is written down."""
        held = [self.clock()]

        def hold(progress: str) -> None:
            if self.clock() - held[0] >= self.patience.lease / _HOLDS_IN_A_LEASE:
                self.hold(job, progress)
                held[0] = self.clock()

        return hold

    def hold(self, job: Job, progress: str) -> None:
        """Hold on to a job for longer, and say how far it is."""
        outbox.renew(self.engine, job, self.patience, self.clock(), progress)
