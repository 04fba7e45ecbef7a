"""The admin API's part about tokens: make one, list them, revoke one."""

from typing import Annotated, Literal

import msgspec

from strangler.control.answers import ProblemError, missing
from strangler.control.dryrun import Foreseen, Prepared, added, changed
from strangler.control.operations import Answer, Call, Operation, Role, Why, WithReason
from strangler.control.tokendesk import NAME, TokenDesk
from strangler.control.tokentable import Token

LONGEST_S = 10 * 366 * 86_400.0


class NewToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a token is for, and what they may do."""

    # Because `$` alone lets a line end stand behind it, and there would be two tokens that look the same.
    name: Annotated[str, msgspec.Meta(pattern=f"^{NAME}$(?!\\n)")]
    role: Literal["viewer", "operator"]
    reason: Why
    expires_s: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_S)] | None = None
    """For how long it is good; for ever if it is left out."""


class TokenShown(msgspec.Struct, frozen=True, kw_only=True):
    """A token, without what it is known by."""

    id: str
    name: str
    role: str
    created_at: float
    created_by: str
    expires_at: float | None
    revoked_at: float | None
    is_valid: bool


class TokenMade(msgspec.Struct, frozen=True, kw_only=True):
    """A new token, with its text; nobody can be told that again."""

    token: TokenShown
    secret: str


class TokenList(msgspec.Struct, frozen=True, kw_only=True):
    """Every token, the oldest first."""

    tokens: tuple[TokenShown, ...]


def operations(desk: TokenDesk) -> tuple[Operation, ...]:
    """Return what operators do with tokens."""
    return (
        Operation(
            method="GET",
            path="/api/v1/tokens",
            name="listTokens",
            summary="Every token without its text: whose it is, its role, until when it is good.",
            role=Role.OPERATOR,
            handler=lambda _: TokenList(tokens=tuple(_shown(desk, token) for token in desk.all())),
            answer=TokenList,
        ),
        Operation(
            method="POST",
            path="/api/v1/tokens",
            name="createToken",
            summary="Make a token; its text is in this answer and nowhere else.",
            role=Role.OPERATOR,
            change=lambda call: _create(desk, call),
            body=NewToken,
            answer=TokenMade,
            status=201,
            problems=(409,),
        ),
        Operation(
            method="POST",
            path="/api/v1/tokens/{name}/revoke",
            name="revokeToken",
            summary="Let a token, and every session that was begun with it, open nothing from now on.",
            role=Role.OPERATOR,
            change=lambda call: _revoke(desk, call),
            body=WithReason,
            answer=TokenShown,
        ),
    )


def _create(desk: TokenDesk, call: Call) -> Prepared:
    wanted: NewToken = call.body
    desk.check_free(wanted.name)

    def carry_out() -> Answer:
        token, text = desk.create(
            wanted.name,
            Role[wanted.role.upper()],
            for_s=wanted.expires_s,
            who=call.caller.name,
            why=wanted.reason.strip(),
        )
        return Answer(value=TokenMade(token=_shown(desk, token), secret=text), status=201)

    change = added("token", wanted.name, role=wanted.role, expires_s=wanted.expires_s)
    return Prepared(carry_out=carry_out, foresee=lambda: Foreseen(changes=(change,)))


def _revoke(desk: TokenDesk, call: Call) -> Prepared:
    name = call.part("name")
    token = desk.named(name)
    if token is None:
        raise _missing(desk, name)

    def carry_out() -> TokenShown:
        revoked = desk.revoke(name, who=call.caller.name, why=call.body.reason.strip())
        if revoked is None:
            raise _missing(desk, name)
        return _shown(desk, revoked)

    return Prepared(carry_out=carry_out, foresee=lambda: _without(desk, token, call.caller.name))


def _without(desk: TokenDesk, token: Token, who: str) -> Foreseen:
    changes = (
        *changed("token", token.name, is_valid=(True, False)),
        *changed("sessions", token.name, signed_in=(desk.sessions(token), 0)),
    )
    notes = ("it is the token that asks, which could do nothing more then",) if who == f"token:{token.name}" else ()
    return Foreseen(answer=_shown(desk, desk.revoked(token)), changes=changes, notes=notes)


def _missing(desk: TokenDesk, name: str) -> ProblemError:
    known = [one.name for one in desk.all() if desk.is_valid(one)]
    return missing("token", name, known, code="token_missing", lacks="opens anything")


def _shown(desk: TokenDesk, token: Token) -> TokenShown:
    return TokenShown(
        id=token.id,
        name=token.name,
        role=token.role.word,
        created_at=token.created_at,
        created_by=token.created_by,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
        is_valid=desk.is_valid(token),
    )
