"""The roles that row-level security knows; and the extensions Tidu uses.

- `tidu_app`: requests of people run under it, by `SET LOCAL ROLE` in every unit of work. It owns nothing.
- `tidu_system`: requests of other systems. What binds `tidu_app` binds it too, and its token's scopes besides.
- `tidu_keeper`: sees every row, by a policy of that name on every table. The connecting user is a member of it; to own
  the tables is not enough, for row-level security is forced upon their owner (docs/decisions/0005).
"""

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from backend.database.errors import DatabaseUnfit

APP_ROLE = "tidu_app"
SYSTEM_ROLE = "tidu_system"
KEEPER_ROLE = "tidu_keeper"
# pg_trgm finds names by fragments; btree_gist keeps periods of validity from overlapping.
EXTENSIONS = ("pg_trgm", "btree_gist")
OLDEST_VERSION = 15
#: Since this version somebody may be let take on a role without having its rights, or being held to its policies, before.
_APART = 160000

ROLE_REMEDY = (
    f"CREATE ROLE {APP_ROLE} NOLOGIN NOBYPASSRLS; CREATE ROLE {SYSTEM_ROLE} NOLOGIN NOBYPASSRLS;"
    f" CREATE ROLE {KEEPER_ROLE} NOLOGIN NOBYPASSRLS;（已有则略）GRANT {APP_ROLE} TO {SYSTEM_ROLE};"
    f" GRANT {APP_ROLE}, {SYSTEM_ROLE}, {KEEPER_ROLE} TO 当前用户;"
)

# Roles belong to the whole server: another database's migration may make this one at the same moment.
_MAKE_ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS {inherit};
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""
#: A superuser may do everything and is a member of nothing; `SET` is only known to newer servers.
_MAY_BECOME = (
    "SELECT pg_has_role(current_user, '{role}', CASE WHEN current_setting('server_version_num')::int >= 160000"
    " THEN 'SET' ELSE 'MEMBER' END)"
)
_KEEPS = f"SELECT pg_has_role(current_user, '{KEEPER_ROLE}', 'USAGE')"
_IS_SYSTEM_BOUND = f"SELECT pg_has_role('{SYSTEM_ROLE}', '{APP_ROLE}', 'USAGE')"
_GRANTS = (
    f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}",
    f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APP_ROLE}",
    f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {APP_ROLE}",
    f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO {APP_ROLE}",
)


def prepare_database(connection: Connection) -> None:
    """Make what migrations presuppose; again and again, if need be.

    Tables made from now on may be read and written by the role, within their row-level security.
    Raises DatabaseUnfit with the statements that an administrator of the database must run.
    """
    version = int((connection.dialect.server_version_info or (0,))[0])
    if version < OLDEST_VERSION:
        raise DatabaseUnfit(f"数据库是 PostgreSQL {version}，Tidu 需要 {OLDEST_VERSION} 或更新的版本。请升级后再试。")
    for extension in EXTENSIONS:
        _or_ask(connection, f"CREATE EXTENSION IF NOT EXISTS {extension}", f"CREATE EXTENSION {extension};")
    _make_roles(connection)
    for grant in _GRANTS:
        _or_ask(connection, grant, "ALTER SCHEMA public OWNER TO 当前用户;")


def _make_roles(connection: Connection) -> None:
    for role in (APP_ROLE, SYSTEM_ROLE, KEEPER_ROLE):
        # A system inherits from people's role what is granted to that, and what it is held to.
        inherit = "INHERIT" if role == SYSTEM_ROLE else "NOINHERIT"
        _or_ask(connection, _MAKE_ROLE.format(role=role, inherit=inherit), ROLE_REMEDY)
    if not connection.scalar(text(_IS_SYSTEM_BOUND)):
        _or_ask(connection, f"GRANT {APP_ROLE} TO {SYSTEM_ROLE}", ROLE_REMEDY)
    is_apart = int(connection.scalar(text("SELECT current_setting('server_version_num')")) or 0) >= _APART
    for role in (APP_ROLE, SYSTEM_ROLE):
        if not connection.scalar(text(_MAY_BECOME.format(role=role))):
            how = " WITH INHERIT FALSE, SET TRUE" if is_apart else ""
            _or_ask(connection, f"GRANT {role} TO CURRENT_USER{how}", ROLE_REMEDY)
    if not connection.scalar(text(_KEEPS)):
        how = " WITH INHERIT TRUE" if is_apart else ""
        _or_ask(connection, f"GRANT {KEEPER_ROLE} TO CURRENT_USER{how}", ROLE_REMEDY)
    if not connection.scalar(text(_KEEPS)):
        raise DatabaseUnfit(
            f"数据库用户没有从角色 {KEEPER_ROLE} 继承权限，将看不到任何一行。"
            "请让数据库管理员运行：ALTER ROLE 当前用户 INHERIT; 再重试。"
        )


def _or_ask(connection: Connection, statement: str, remedy: str) -> None:
    try:
        with connection.begin_nested():
            connection.execute(text(statement))
    except DBAPIError as problem:
        raise DatabaseUnfit(
            f"数据库用户的权限不够：{problem.orig}。请让数据库管理员在这个数据库里运行：{remedy}"
        ) from problem
