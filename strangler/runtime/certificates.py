"""Certificates: what new handshakes are made with follows the files; a pair that cannot be served changes nothing.

Each worker follows the files by itself, so a new certificate is served although control is gone. The paths are looked
at anew each time, so an atomic rename and the swap of a Kubernetes secret are noticed like a write in place.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from strangler.config import pairs
from strangler.core.model import ListenerTls
from strangler.errors import CertificateError
from strangler.proxy.tls import Served, open_tls
from strangler.runtime.stamp import stamp_of

LOOK_EVERY_S = 0.5
"""A change is taken over once the files are the same at two looks in a row, as a key may precede its certificate."""
_AGAIN_EVERY_S = 60.0
"""After which a refused pair is tried again, although its files did not change: it may have become valid."""

NOT_AFTER = "certificate_not_after_timestamp_seconds"
REJECTED = "certificate_rejected"

Stamps = tuple[object, ...]


class Certificates:
    """Keeps one TLS context in step with its files; without TLS it does nothing."""

    def __init__(
        self, *, on_served: Callable[[Served], None], on_notice: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self._on_served = on_served
        self._on_notice = on_notice
        self._tls: ListenerTls | None = None
        self._served: Served | None = None
        self._why = ""
        """Why the pairs on disk are not served; empty if they are."""
        self._settled: Stamps = ()
        """The state of the files that was last tried."""

    @property
    def is_ready(self) -> bool:
        """Whether handshakes can be made, or need not."""
        return self._tls is None or self._served is not None

    def gauges(self) -> dict[str, int]:
        """Return when the first certificate expires, and whether what is on disk is refused."""
        if self._tls is None:
            return {}
        expires = {} if self._served is None else {NOT_AFTER: int(self._served.not_after)}
        return {REJECTED: int(bool(self._why)), **expires}

    def apply(self, tls: ListenerTls | None) -> None:
        """Follow these files from now on."""
        if tls == self._tls:
            return
        self._tls = tls
        if tls is not None:
            self._settled = _stamps(tls)
            self._take(tls, _try(tls))

    async def watch(self) -> None:
        """Take over every change of the files that can be served; never returns."""
        last = self._settled
        tried_at = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            tls = self._tls
            if tls is None:
                continue
            stamps = await asyncio.to_thread(_stamps, tls)
            is_due = bool(self._why) and time.monotonic() - tried_at >= _AGAIN_EVERY_S
            if is_due or (stamps == last and stamps != self._settled):
                tried_at = time.monotonic()
                # Because a handshake in memory takes milliseconds, which requests would wait for.
                found = await asyncio.to_thread(_try, tls)
                if tls is self._tls:
                    self._settled = stamps
                    self._take(tls, found)
            last = stamps

    def _take(self, tls: ListenerTls, found: Served | CertificateError) -> None:
        now = time.time()
        if isinstance(found, Served) and self._served is not None and found.not_after <= now < self._served.not_after:
            self._reject("what is on disk has expired, and what is served has not")
            return
        if isinstance(found, CertificateError):
            self._reject(str(found))
            return
        self._served = found
        self._why = ""
        self._on_served(found)
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(found.not_after))
        self._on_notice("certificate_served", {"files": [pair.cert for pair in tls.pairs], "until": until})
        for pair, certificate in zip(tls.pairs, found.certificates, strict=True):
            if complaint := pairs.validity(certificate, now):
                self._on_notice("certificate_doubtful", {"file": pair.cert, "why": complaint})

    def _reject(self, why: str) -> None:
        if why == self._why:
            return
        self._why = why
        serving = "nothing" if self._served is None else "the last good certificate"
        self._on_notice("certificate_rejected", {"why": why, "serving": serving})


def _try(tls: ListenerTls) -> Served | CertificateError:
    try:
        return open_tls(tls)
    except CertificateError as error:
        return error


def _stamps(tls: ListenerTls) -> Stamps:
    files = [path for pair in tls.pairs for path in (pair.cert, pair.key)]
    return tuple(stamp_of(Path(path)) for path in (*files, *filter(None, [tls.client_ca])))
