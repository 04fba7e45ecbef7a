"""Every error that crosses a module's edge; each class says whose fault it is."""

from dataclasses import dataclass
from enum import StrEnum


class StranglerError(Exception):
    """The root of all errors that this package raises on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Fault:
    """One mistake in a file, told so that its author can mend it."""

    file: str
    line: int
    """Counted from 1."""
    column: int
    """Counted from 1."""
    where: str
    """The path inside the document, e.g. `routes[2].match.path`."""
    message: str
    """What is wrong."""
    remedy: str
    """What to write instead."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.where}: {self.message}. {self.remedy}"


class ConfigError(StranglerError):
    """The operator's file is at fault; every fault in it is listed."""

    def __init__(self, faults: tuple[Fault, ...], *, files: tuple[str, ...] = ()) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults
        self.files = files
        """The absolute paths of other files that were read, or could not be."""


class CertificateError(StranglerError):
    """A certificate, a key or a list of CAs cannot be used; the operator's files are at fault."""

    def __init__(self, which: str, message: str, remedy: str) -> None:
        super().__init__(f"{message}. {remedy}")
        self.which = which
        """The key of the routes file that names the file at fault."""
        self.message = message
        self.remedy = remedy


class UsageError(StranglerError):
    """The operator's command, address or environment is at fault; the text says how to mend it."""


class OutputError(StranglerError):
    """A command's standard output cannot be written; what it did is done all the same."""


class EditError(StranglerError):
    """A routes file could not be edited as it was asked; it is as it was, and the text says why."""


class AdminError(StranglerError):
    """The running instance could not be asked, or refused; the text says which and why."""

    def __init__(self, detail: str, problem: object = None) -> None:
        super().__init__(detail)
        self.problem = problem
        """What the instance answered, as JSON (RFC 9457); None if it was not asked."""


class StoreError(StranglerError):
    """The state store cannot be read or written."""


class StoreDamagedError(StoreError):
    """The state store's content is at fault; it is left as it is."""


class MalformedRowError(StoreError):
    """A row of the audit log holds what was never written there; somebody altered the store."""

    def __init__(self, seq: int) -> None:
        self.seq = seq
        super().__init__(f"entry {seq} of the audit log was altered: it is no entry any more")


class VaultError(StranglerError):
    """A record cannot be sealed or opened; the text names the key file and what to do. Nothing stored is changed."""


class KeyBookBusyError(StoreError):
    """A part of the key book is held by a worker that was stopped in the middle of it."""


class LinkError(StranglerError):
    """A message between control and a worker is larger than any may be."""


class DeliveryError(StranglerError):
    """Another system did not take what it was told; the text says why, without anything secret."""


class ShadowError(StranglerError):
    """The shadowed side could not be compared with; `why` is one of core.offer.Drop."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why = why


class FlagError(StranglerError):
    """A flag's definition is at fault and was not taken over; what was served before still is."""


class FailureKind(StrEnum):
    """How an upstream failed: log field, metric label and retry input alike."""

    CONNECT = "connect"
    """No connection: refused, unreachable, name not found, or not in time. Nothing was sent."""
    TIMEOUT = "timeout"
    """Connected, but no answer, or no further byte of it, in time."""
    RESET = "reset"
    """The connection ended before the answer was complete."""
    BAD_FRAMING = "bad_framing"
    """What came back is not HTTP, or its length cannot be trusted (RFC 9112 section 6.3)."""
