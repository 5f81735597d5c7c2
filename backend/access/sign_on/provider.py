"""The city's single sign-on as a provider of OpenID Connect: what it says of itself, its keys, its tokens.

What comes from there is believed only after checking (OpenID Connect Core 3.1.3.7): the signature by a key of the
provider's own and an algorithm that needs one, who issued it, for whom, until when, and for which of our requests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic, time
from typing import Any, Final, cast
from urllib.parse import urlsplit

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization
from starlette.requests import Request

from backend.access.sign_on.errors import AnswerUntrusted, NotConfigured, ProviderAway, ProviderRefused
from backend.settings import Settings

#: Only what is signed with a key that the provider alone has: neither `none` nor a secret that both sides know.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
#: Clocks differ; more than this is no difference of clocks.
LEEWAY_SECONDS: Final = 30
#: So long the provider's description and keys are kept before it is asked again.
_KEPT_SECONDS: Final = 600
#: An unknown key is asked for at once, but not more often than this: anybody can make up its name.
_ASKED_EVERY_SECONDS: Final = 5
_PATIENCE_SECONDS: Final = 5
_LARGEST: Final = 1_000_000
_NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one attempt to sign in is bound to: nobody who does not know all of it can finish it."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str


class Provider:
    """One provider, asked as seldom as possible. Made once for an application."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time) -> None:
        self.clock = clock
        if settings.sso_issuer is None or settings.sso_client_id is None:
            raise NotConfigured
        self.issuer: Final = settings.sso_issuer
        self.client_id: Final = settings.sso_client_id
        self._secret = settings.sso_client_secret.get_secret_value() if settings.sso_client_secret else None
        self._scopes = settings.sso_scopes
        self._described: dict[str, Any] = {}
        self._described_at = 0.0
        self._keys: KeySet | None = None
        self._keys_at = 0.0
        self._asked_again_at = float("-inf")

    async def described(self) -> dict[str, Any]:
        """What the provider says of itself. Raises ProviderAway."""
        if not self._described or monotonic() - self._described_at > _KEPT_SECONDS:
            address = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
            found = await self._get(address)
            if found.get("issuer") != self.issuer:
                raise ProviderAway(f"{address} 自称 {found.get('issuer')!r}，设置里是 {self.issuer!r}")
            for name in _NEEDED:
                if not is_safe_address(found.get(name)):
                    raise ProviderAway(f"{address} 的 {name} 缺失或不是 https 地址")
            self._described, self._described_at = found, monotonic()
        return self._described

    async def address_to_sign_in(self, attempt: Attempt) -> str:
        """Where to send the browser. Raises ProviderAway."""
        told = await self.described()
        return prepare_grant_uri(
            told["authorization_endpoint"], self.client_id, "code", redirect_uri=attempt.redirect_uri,
            scope=self._scopes, state=attempt.state, nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier), code_challenge_method="S256",
        )  # fmt: skip

    async def address_to_sign_out(self, back_to: str) -> str | None:
        """Where the browser ends the session at the provider, too; None where that is not offered or not reachable."""
        try:
            address = (await self.described()).get("end_session_endpoint")
        except ProviderAway:
            return None
        if not isinstance(address, str) or not is_safe_address(address):
            return None
        asked = httpx.QueryParams({"client_id": self.client_id, "post_logout_redirect_uri": back_to})
        return f"{address}{'&' if '?' in address else '?'}{asked}"

    async def claims_for(self, code: str, attempt: Attempt) -> dict[str, Any]:
        """Who signed in, as the provider vouches for. Raises ProviderAway, ProviderRefused, AnswerUntrusted."""
        token = await self._token_for(code, attempt)
        signed = token.get("id_token")
        if not isinstance(signed, str):
            raise AnswerUntrusted("没有返回 id_token")
        read = await self._read(signed)
        claims = CodeIDToken(
            read.claims, read.header,
            options={
                "iss": {"essential": True, "value": self.issuer}, "aud": {"essential": True, "value": self.client_id},
                "nonce": {"essential": True, "value": attempt.nonce},
            },
            params={"nonce": attempt.nonce, "client_id": self.client_id, "access_token": token.get("access_token")},
        )  # fmt: skip
        try:
            claims.validate(int(self.clock()), LEEWAY_SECONDS)
        except JoseError as problem:
            raise AnswerUntrusted(f"id_token 校验不通过：{problem.description or problem.error}") from problem
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            raise AnswerUntrusted("id_token 的 sub 不是 255 个字符以内的标识")
        return dict(claims)

    async def _token_for(self, code: str, attempt: Attempt) -> dict[str, Any]:
        """Exchange the code, which works once and with the verifier only."""
        told = await self.described()
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.verifier, "client_id": self.client_id,
        }  # fmt: skip
        login = httpx.BasicAuth(_quoted(self.client_id), _quoted(self._secret)) if self._secret else httpx.Auth()
        try:
            async with _client() as client:
                answer = await client.post(told["token_endpoint"], data=form, auth=login)
        except httpx.HTTPError as problem:
            raise ProviderAway(f"令牌端点没有应答（{type(problem).__name__}）") from problem
        if answer.status_code >= 500:
            raise ProviderAway(f"令牌端点出错（{answer.status_code}）")
        found = _object(answer)
        if answer.status_code != 200:
            raise ProviderRefused(f"授权码换令牌被拒绝：{str(found.get('error', answer.status_code))[:60]}")
        return found

    async def _read(self, signed: str) -> jwt.Token:
        try:
            return jwt.decode(signed, await self._key_set(), algorithms=list(ALGORITHMS))
        except (JoseError, ValueError):
            # Perhaps the provider has changed its keys: asked once more before it is believed to be forged.
            try:
                return jwt.decode(signed, await self._key_set(is_new=True), algorithms=list(ALGORITHMS))
            except (JoseError, ValueError) as problem:
                raise AnswerUntrusted(f"id_token 的签名无效：{type(problem).__name__}") from problem

    async def _key_set(self, *, is_new: bool = False) -> KeySet:
        now = monotonic()
        if is_new and now - self._asked_again_at > _ASKED_EVERY_SECONDS:
            self._keys, self._asked_again_at = None, now
        if self._keys is None or now - self._keys_at > _KEPT_SECONDS:
            found = await self._get((await self.described())["jwks_uri"])
            try:
                self._keys = KeySet.import_key_set(cast("KeySetSerialization", found))
            except (JoseError, ValueError, KeyError, TypeError) as problem:
                raise ProviderAway("公布的密钥无法读取") from problem
            self._keys_at = now
        return self._keys

    async def _get(self, address: str) -> dict[str, Any]:
        try:
            async with _client() as client:
                answer = await client.get(address)
        except httpx.HTTPError as problem:
            raise ProviderAway(f"{address} 没有应答（{type(problem).__name__}）") from problem
        if answer.status_code != 200:
            raise ProviderAway(f"{address} 应答 {answer.status_code}")
        return _object(answer)


def provider_of(request: Request) -> Provider:
    """The application's provider. Raises NotConfigured."""
    state = request.app.state
    if not hasattr(state, "sso_provider"):
        state.sso_provider = Provider(state.settings)
    return cast("Provider", state.sso_provider)


def own_address(request: Request, settings: Settings) -> str:
    """Where browsers find this service, without a slash at the end."""
    return (settings.public_address or str(request.base_url)).rstrip("/")


def _client() -> httpx.AsyncClient:
    # A redirect would lead to an address that nobody set.
    return httpx.AsyncClient(timeout=_PATIENCE_SECONDS, follow_redirects=False, headers={"Accept": "application/json"})


def _object(answer: httpx.Response) -> dict[str, Any]:
    if len(answer.content) > _LARGEST:
        raise ProviderAway("应答过大")
    try:
        found: Any = answer.json()
    except ValueError as problem:
        raise ProviderAway("应答不是 JSON") from problem
    if not isinstance(found, Mapping):
        raise ProviderAway("应答不是 JSON 对象")
    return dict(cast("Mapping[str, Any]", found))


def _quoted(part: str) -> str:
    # RFC 6749 2.3.1: both halves are form-encoded before they become a password.
    return str(httpx.QueryParams({"": part}))[1:]


def is_safe_address(address: object) -> bool:
    """Whether it is an address by HTTPS, or of this very machine."""
    parts = urlsplit(address) if isinstance(address, str) else None
    return parts is not None and (
        (parts.scheme == "https" and bool(parts.hostname)) or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )
