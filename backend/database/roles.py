"""The role that requests run under, which row-level security binds; and the extensions Tidu uses.

The connecting user owns the tables and so is not bound; it is `SET LOCAL ROLE tidu_app` in every unit of work
that puts the rules in force.
"""

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from backend.database.errors import DatabaseUnfit

APP_ROLE = "tidu_app"
# pg_trgm finds names by fragments; btree_gist keeps periods of validity from overlapping.
EXTENSIONS = ("pg_trgm", "btree_gist")
OLDEST_VERSION = 15
ROLE_REMEDY = f"CREATE ROLE {APP_ROLE} NOLOGIN NOBYPASSRLS;（已有则略）GRANT {APP_ROLE} TO 当前用户;"

# Roles belong to the whole server: another database's migration may make this one at the same moment.
_MAKE_ROLE = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP_ROLE}') THEN
        CREATE ROLE {APP_ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""
_MAY_BECOME = f"SELECT pg_has_role(current_user, '{APP_ROLE}', 'MEMBER')"
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
    _or_ask(connection, _MAKE_ROLE, ROLE_REMEDY)
    if not connection.scalar(text(_MAY_BECOME)):
        _or_ask(connection, f"GRANT {APP_ROLE} TO CURRENT_USER", ROLE_REMEDY)
    for grant in _GRANTS:
        _or_ask(connection, grant, "ALTER SCHEMA public OWNER TO 当前用户;")


def _or_ask(connection: Connection, statement: str, remedy: str) -> None:
    try:
        with connection.begin_nested():
            connection.execute(text(statement))
    except DBAPIError as problem:
        raise DatabaseUnfit(
            f"数据库用户的权限不够：{problem.orig}。请让数据库管理员在这个数据库里运行：{remedy}"
        ) from problem
