"""What can be wrong with the storage, said so that whoever runs the service can mend it.

StorageError
├── EmbeddedServerFailed    the server that comes along cannot be used
├── DatabaseUnreachable     the database that was named does not answer
├── DatabaseUnfit           it answers, but lacks something Tidu needs
└── DatabaseBusy            others hold tables that must be changed
"""


class StorageError(Exception):
    """Its text is Chinese and says what is wrong, where, and what to do next."""


class EmbeddedServerFailed(StorageError):
    """The embedded PostgreSQL cannot be laid out, started or stopped in its folder."""


class DatabaseUnreachable(StorageError):
    """Nobody answers at the database's address, or they refuse to let us in."""


class DatabaseUnfit(StorageError):
    """The database is too old, lacks an extension, or its role may not do what is needed."""


class DatabaseBusy(StorageError):
    """Tables that must be changed are held by somebody for too long."""

    def __init__(self) -> None:
        super().__init__(
            "数据库的表正被长时间的操作占用，没有升级，数据未动。请等正在进行的导入或备份结束后，再运行 tidu migrate。"
        )
