"""Accounts and sessions (contract rest-core §2.1).

The auth server keeps identities and passwords; the account with its public name is ours. Both are
made by one request, in an order that a repetition of the request completes.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from bountyexpo.actors.users.user import Register, SignOut
from bountyexpo.domain import limits
from bountyexpo.domain.field_types import Email, NewPassword, Secret, Token, Username, text
from bountyexpo.errors import (
    AccountClosed,
    BountyExpoError,
    Conflict,
    InvalidRequest,
    NotAuthenticated,
    SessionRevoked,
    TokenExpired,
    Unavailable,
)
from bountyexpo.observability import logs
from bountyexpo.operations.catalogue import READ, SIGN_IN, SIGN_UP, operation
from bountyexpo.operations.idempotency.keeps import Keeps
from bountyexpo.operations.users import signing_in
from bountyexpo.persistence.users import users

if TYPE_CHECKING:
    from bountyexpo.operations.auth_provider import AuthSession, AuthUser
    from bountyexpo.operations.call import Call
    from bountyexpo.persistence.users.users import User

log = logs.get_logger(__name__)


class Registration(msgspec.Struct, kw_only=True):
    """A new account; without a user name it gets a generated one."""

    email: Email
    password: NewPassword
    username: Username | None = None
    age_confirmed: bool = False


class Credentials(msgspec.Struct, kw_only=True):
    """An e-mail address or user name, and the password; where both are given, of one account."""

    identifier: Annotated[str, text(1, 320)] | None = None
    username: Annotated[str, text(1, 320)] | None = None
    password: Secret


class RefreshRequest(msgspec.Struct, kw_only=True):
    """A refresh token, good for one use."""

    refreshToken: Token


class SignOutRequest(msgspec.Struct, kw_only=True):
    """Which of the caller's sessions to end: this one, the others, or all."""

    scope: Literal["global", "local", "others"] = "local"


class RegisteredView(msgspec.Struct, kw_only=True):
    """A new account."""

    success: bool
    userId: str
    id: str
    email: str
    username: str
    message: str
    confirmationRequired: bool = False


class SessionView(msgspec.Struct, kw_only=True):
    """The tokens of a session, in the auth server's own names."""

    access_token: str
    refresh_token: str
    expires_in: int
    expires_at: int
    token_type: str


class SignedInView(msgspec.Struct, kw_only=True):
    """A session under the names of all clients; ``token`` is the access token."""

    success: bool
    user: dict[str, Any]
    session: SessionView
    token: str
    accessToken: str
    refreshToken: str
    expiresAt: int
    redirectTo: str = "/tabs/bounty-app"


class DoneView(msgspec.Struct, kw_only=True):
    """It is done."""

    success: bool
    message: str


@operation(
    "auth.register",
    http="POST /auth/register",
    rate=SIGN_UP,
    heeds_token=False,
    status=201,
    keeps=Keeps.REPLY,
    aliases=("POST /auth/sign-up",),
)
async def register(call: Call, request: Registration) -> RegisteredView:
    """Make an account."""
    email, password = limits.email(request.email), limits.password(request.password)
    username = limits.username(request.username) if request.username else None
    db = call.services.db
    if username is not None:
        holder = await users.by_identifier(db, username)
        if holder is not None and holder.email != email:
            raise Conflict("Username already taken", code="USERNAME_TAKEN")
    identity = await _identity(call, email, password, username)
    try:
        user = await _account(call, identity, username, age_confirmed=request.age_confirmed)
    except Conflict:
        # Somebody took the name in between; the identity must not stay behind without account.
        if not call.is_repeat:
            await call.services.auth.delete_user(identity.id)
        raise
    await signing_in.note_place(call, user.id)
    return RegisteredView(
        success=True,
        userId=user.id,
        id=user.id,
        email=email,
        username=user.username,
        message="Your account is ready.",
    )


@operation(
    "auth.sign_in",
    http="POST /auth/sign-in",
    rate=SIGN_IN,
    heeds_token=False,
    aliases=("POST /app/auth/sign-in-form",),
    aliased_fields={"email": "identifier"},
)
async def sign_in(call: Call, request: Credentials) -> SignedInView:
    """Open a session; a wrong password and an unknown account look the same."""
    named = request.identifier or request.username
    if named is None:
        message = "identifier is required."
        raise InvalidRequest(message, issues=[{"path": "identifier", "message": message}])
    who = await signing_in.whom(call, named)
    session = await signing_in.open_session(call, who, request.password)
    entered = await _enter(call, session)
    name = request.username.strip().lower().removeprefix("@") if request.username else None
    if name is not None and name not in {entered.user["username"], entered.user["email"]}:
        # Told only to whoever knows the password: whose address it is is nobody's business.
        raise NotAuthenticated(signing_in.WRONG_CREDENTIALS, code=signing_in.WRONG)
    return entered


@operation(
    "auth.refresh",
    http="POST /auth/refresh",
    rate=READ,
    heeds_token=False,
    aliased_fields={"refresh_token": "refreshToken"},
)
async def refresh(call: Call, request: RefreshRequest) -> SignedInView:
    """Exchange a refresh token for a new session."""
    session = await call.services.auth.refresh(request.refreshToken)
    return await _enter(call, session)


@operation("auth.sign_out", http="POST /auth/sign-out", rate=READ, heeds_token=False)
async def sign_out(call: Call, request: SignOutRequest) -> DoneView:
    """End the caller's sessions; a dead token is as good as signed out.

    What was signed out is refused from the reply on, wherever it is shown, and its sockets end.
    """
    identity = call.identity
    if identity is not None and identity.session_id is not None:
        sign_out_ = SignOut(session_id=identity.session_id, scope=request.scope)
        await call.services.actors.user(identity.user_id).ask(sign_out_)
    scheme, _, token = call.headers_in.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        # Afterwards: a failure here is repeated by the client, whose token is refused already.
        with suppress(NotAuthenticated):
            await call.services.auth.sign_out(token.strip(), request.scope)
    return DoneView(success=True, message="Signed out.")


def summary(user: User) -> dict[str, Any]:
    """Return the few facts of an account that every old reply about it holds."""
    return {"id": user.id, "email": user.email, "username": user.username}


async def _enter(call: Call, session: AuthSession) -> SignedInView:
    """Let somebody in with a session that the auth server has just opened or gone on with.

    Raises:
        AccountClosed: they may not come in; the session is ended.
        Unavailable: the auth server's own token is not what our settings say it is.
    """
    try:
        identity = await call.services.verifier.verify(session.access_token)
    except AccountClosed:
        with suppress(BountyExpoError):
            await call.services.auth.sign_out(session.access_token, "local")
        raise
    except (SessionRevoked, TokenExpired):
        raise
    except NotAuthenticated as error:
        # No fault of the person's, so the app must not sign them out (contract rest-core §2.1).
        log.warning("the auth server's own token is refused", look_at="SUPABASE_JWT_ISSUER")
        raise Unavailable from error
    user = await users.get(call.services.db, identity.user_id)
    assert user is not None, "who is let in has an account"
    await signing_in.note_place(call, user.id)
    return _signed_in(session, user)


async def _identity(call: Call, email: str, password: str, username: str | None) -> AuthUser:
    """Make the identity, or find the one that an interrupted registration left behind.

    Under a key that was used before that may be the whole account; the password tells whose it is.
    """
    auth = call.services.auth
    metadata = {"username": username} if username else {}
    try:
        return await auth.create_user(email=email, password=password, metadata=metadata)
    except Conflict as taken:
        is_known = await users.by_identifier(call.services.db, email) is not None
        if is_known and not call.is_repeat:
            raise
        try:
            return (await auth.sign_in(email, password)).user
        except BountyExpoError:
            raise taken from None


async def _account(
    call: Call, identity: AuthUser, username: str | None, *, age_confirmed: bool
) -> User:
    now = call.services.clock.now()
    return await call.services.actors.user(identity.id).ask(
        Register(
            email=identity.email,
            email_verified_at=identity.email_confirmed_at,
            email_as_of=now,
            username=username,
            age_attested_at=now if age_confirmed else None,
        )
    )


def _signed_in(session: AuthSession, user: User) -> SignedInView:
    return SignedInView(
        success=True,
        user=summary(user),
        session=SessionView(
            access_token=session.access_token,
            refresh_token=session.refresh_token,
            expires_in=session.expires_in,
            expires_at=session.expires_at,
            token_type=session.token_type,
        ),
        token=session.access_token,
        accessToken=session.access_token,
        refreshToken=session.refresh_token,
        expiresAt=session.expires_at,
    )
