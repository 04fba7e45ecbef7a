"""From text to who may reach the admin port."""

from pathlib import Path

from strangler.config import kinds
from strangler.config.keys_admin import ADMIN_ACCESS, IDENTITY
from strangler.config.listener import read_tls
from strangler.config.reading import At
from strangler.config.sections import Found
from strangler.core.access import AdminAccess
from strangler.core.model import ListenerTls


def read_access(at: At | None, folder: Path) -> tuple[AdminAccess, ListenerTls | None]:
    """Return whom the admin port is for, and its TLS; what the file leaves out is as usual."""
    usual = AdminAccess()
    if at is None:
        return usual, None
    found = Found(at, ADMIN_ACCESS)
    tls = read_tls(found.get("tls"), folder)
    place = found.get("identity")
    identity = None if place is None else Found(place, IDENTITY)
    operators = () if identity is None else identity.take("operators", kinds.USERS, ())
    viewers = () if identity is None else identity.take("viewers", kinds.USERS, ())
    access = AdminAccess(
        allow_plain=found.take("allow_plain", kinds.BOOLEAN, usual.allow_plain),
        hosts=found.take("hosts", kinds.HOST_NAMES, ()),
        identity_header="" if identity is None else identity.take("header", kinds.HEADER_NAME, ""),
        trusted=() if identity is None else identity.take("trusted", kinds.NETWORKS, ()),
        operators=operators,
        viewers=viewers,
    )
    if identity is not None and identity.is_mapping and not operators and not viewers:
        identity.at.fault("nobody whom it names may do anything", 'Add `viewers: ["*"]`, or name them')
    return access, tls
