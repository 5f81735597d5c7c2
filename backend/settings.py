"""Every setting, with its unit and its reason. Each can be set in the environment as TIDU_<NAME>."""

import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from rules.translation import marked

#: Acts that wait for a second person, as `backend.access.proposals` knows them.
FourEyesKind = Literal[
    "recognition.grant", "recognition.revoke", "recognition.extend", "recognition.correct", "recognition.withdraw",
    "conflict.settle", "plan.change", "import.undo",
    "plan.shares_moved",
    "enterprise.merge", "enterprise.unmerge", "enterprise.split", "enterprise.unsplit", "enterprise.end", "enterprise.revive",
    "enterprise.move",
]  # fmt: skip


def _default_data_folder() -> Path:
    if os.geteuid() == 0:
        # PostgreSQL must run as another user, who cannot enter root's home.
        return Path("/var/lib/tidu")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "tidu"


def _for_asyncpg(address: str) -> str:
    """Accept the address as other programs write it, too."""
    # Imported here: commands that need no database are to answer at once.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(address)
    except ArgumentError:
        url = None
    if url is None or url.get_backend_name() not in ("postgresql", "postgres"):
        raise ValueError(f"“{address}”不是 PostgreSQL 的地址，请写成 postgresql://用户:口令@主机:5432/数据库")
    # What other programs call sslmode, asyncpg calls ssl; the words for it are the same.
    query = {"ssl" if name == "sslmode" else name: value for name, value in url.query.items()}
    return url.set(drivername="postgresql+asyncpg", query=query).render_as_string(hide_password=False)


def _safe_address(address: str) -> str:
    """By HTTPS, or on this very machine."""
    parts = urlsplit(address)
    is_here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not parts.hostname or parts.query or parts.fragment or not (parts.scheme == "https" or is_here):
        raise ValueError(f"“{address}”不是可用的地址，请写成 https://主机/路径，不带参数")
    return address


class Settings(BaseSettings):
    """What differs from one installation to the next; what the law fixes is in `rules` instead."""

    model_config = SettingsConfigDict(env_prefix="TIDU_", env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: Annotated[str, AfterValidator(_for_asyncpg)] | None = Field(
        default=None,
        description="An outside PostgreSQL, 15 or newer. Without it the embedded one runs in `data`.",
    )
    data: Path = Field(
        default_factory=_default_data_folder,
        description="Folder of the embedded database and of uploaded workbooks.",
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. Only this machine, until one decides otherwise.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    secure_cookies: bool = Field(
        default=False, description="Send the session's cookie over HTTPS only: switch on behind a TLS proxy."
    )
    session_idle_minutes: int = Field(
        default=60,
        ge=1,
        description="Minutes without a click after which one must sign in again: shared offices.",
    )
    session_longest_hours: int = Field(
        default=12,
        ge=1,
        description="Hours after which one must sign in again in any case: a working day, not more.",
    )
    password_profile: Literal["dengbao", "asvs"] = Field(
        default="dengbao",
        description="Rules for passwords: 等保 wants a mix of signs and regular changes, ASVS 5.0 forbids to ask for both.",
    )
    password_days: int = Field(
        default=180,
        ge=1,
        description="Days after which 等保's profile asks for a new password: practice is 90 to 180.",
    )
    second_factor: Literal["optional", "administrators", "everybody"] = Field(
        default="optional",
        description="Who must have a second factor; 等保 level 3 wants it of administrators at least.",
    )
    sso_issuer: Annotated[str, AfterValidator(_safe_address)] | None = Field(
        default=None,
        description="The city's single sign-on (OpenID Connect), as it names itself; without it people have passwords only.",
    )
    sso_client_id: str | None = Field(default=None, description="Under which name Tidu is registered there.")
    sso_client_secret: SecretStr | None = Field(
        default=None, description="The secret agreed with it; without one Tidu is a public client, kept by PKCE alone."
    )
    sso_name: str = Field(default=marked("统一身份认证"), description="What the sign-in page calls it.")
    sso_scopes: str = Field(default="openid profile", description="What is asked of it, `openid` always among it.")
    sso_code_claim: str = Field(
        default="",
        description="The claim that holds an enterprise's credit code, if it vouches for one; binds enterprise accounts.",
    )
    sso_opens_accounts: bool = Field(
        default=False,
        description="Whether that code opens the first account of an enterprise that is in the registry and has none yet.",
    )
    public_address: Annotated[str, AfterValidator(_safe_address)] | None = Field(
        default=None,
        description="Where browsers find the service, as https://host; without it whatever address they came by.",
    )
    four_eyes: bool = Field(
        default=True,
        description="What matters and is done by hand waits for a second person; off where only one person works.",
    )
    four_eyes_waived: tuple[FourEyesKind, ...] = Field(
        default=(),
        description='Kinds of acts that one person may do alone all the same, as JSON: ["conflict.settle"].',
    )
    four_eyes_undo_rows: int = Field(
        default=50,
        ge=0,
        description="Rows of an import above which undoing it waits for a second person: a slip of the hand may be mended.",
    )
    sign_ins_a_minute: int = Field(
        default=60,
        ge=1,
        description="Sign-ins tried from one address in a minute, and process; an office behind one address has many.",
    )
    public_requests_a_minute: int = Field(
        default=600,
        ge=1,
        description="Requests without an account from one address in a minute, and process.",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        description="What Prometheus shows to read /metrics from elsewhere; without it only this machine may.",
    )
    backup_passphrase: SecretStr | None = Field(
        default=None,
        description="What backups are encrypted with; without it they are as readable as the database.",
    )
    trace_days: int = Field(
        default=1096,
        ge=184,
        description="Days that the trace is kept: three years for records of handling personal data, never under 184.",
    )
    upload_megabytes: int = Field(
        default=50,
        ge=1,
        description="Largest workbook taken, in MB: 100,000 rows fit, and a request stays in memory.",
    )
    public_posts_per_minute: int = Field(
        default=300,
        ge=1,
        description="Posts a minute that one address may send without signing in: a whole office behind one line.",
    )
    pool_check_days: int = Field(
        default=30,
        ge=0,
        description="Days that the check behind a recommendation may be old: figures and titles change.",
    )
    database_connections: int = Field(
        default=10,
        ge=1,
        description="Connections kept per process: PostgreSQL allows 100 in all unless told otherwise.",
    )
    database_patience_seconds: int = Field(
        default=10,
        ge=1,
        description="Seconds to wait for a connection before saying that the database does not answer.",
    )
    exchange_secret: SecretStr | None = Field(
        default=None,
        description="What the exchange's signing keys are worked out of; without it a file in `data` that is made once.",
    )
    exchange_hosts: tuple[str, ...] = Field(
        default=(),
        description='Hosts of our own network that webhooks may go to, as JSON: ["10.1.2.3"]; others must be public, by HTTPS.',
    )
