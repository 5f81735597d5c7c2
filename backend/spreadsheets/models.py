"""Imports: each uploaded file, how it was read, and what became of each of its rows."""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Index, LargeBinary, SmallInteger, func
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class ImportRun(SQLModel, table=True):
    """One file handed in. It is read dry first; only a second, deliberate step writes."""

    __tablename__ = "import_run"  # type: ignore[assignment]
    __table_args__ = (Index("import_run_digest", "digest"),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    file_name: str = Field(max_length=255)
    #: SHA-256 of the content.
    digest: str = Field(max_length=64)
    layout: str = Field(default="", max_length=40)
    #: checking (being read and tried out), checked, writing, committed, committed_in_part, undoing, undone, undone_in_part;
    #: or refused (the file cannot be), stopped (while it was tried out), failed.
    status: str = Field(default="checked", max_length=20)
    rows: int = 0
    good_rows: int = 0
    bad_rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    #: How the file was read, as data, without its rows: tables, notes, what was left out, kinds of problems.
    report: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    uploaded_by: int | None = None
    #: Region scope of the person who uploaded; a district's officer sees the district's imports.
    region_code: str = Field(default="", max_length=6)
    uploaded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    committed_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    undone_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    undone_by: int | None = None
    #: While it is checking, writing or undoing: what it is busy with, and how much of that is done.
    stage: str = Field(default="", max_length=20)
    stage_done: int = 0
    stage_total: int = 0
    started_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    is_stop_asked: bool = False
    #: Why it did not come to its end, for the user.
    failure: str = ""


class ImportFile(SQLModel, table=True):
    """The file of an import as it was handed in; apart from the run, which changes while it is worked on."""

    __tablename__ = "import_file"  # type: ignore[assignment]

    import_id: int = Field(sa_type=BigInteger, foreign_key="import_run.id", ondelete="CASCADE", primary_key=True)
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class ImportReading(SQLModel, table=True):
    """What was read of a file that was tried out, as `staging` takes it down, until the import is carried out."""

    __tablename__ = "import_reading"  # type: ignore[assignment]

    import_id: int = Field(sa_type=BigInteger, foreign_key="import_run.id", ondelete="CASCADE", primary_key=True)
    #: 0 is what all rows share; the rows follow in the order of the file.
    part: int = Field(primary_key=True)
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class ImportRow(SQLModel, table=True):
    """One row of the file and its fate, so that a page of the report can be had without all of it."""

    __tablename__ = "import_row"  # type: ignore[assignment]
    __table_args__ = (Index("import_row_by_fate", "import_id", "fate", "position"),)

    import_id: int = Field(sa_type=BigInteger, foreign_key="import_run.id", ondelete="CASCADE", primary_key=True)
    #: Counted from 0 in the order of the file.
    position: int = Field(primary_key=True)
    sheet: str
    #: Excel's number of the row.
    row: int
    name: str = ""
    credit_code: str | None = Field(default=None, max_length=18)
    #: A `fates.Fate`.
    fate: str = Field(max_length=20)
    #: What is wrong with it, as in the report.
    problems: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(JSONB))
    #: Which kinds of problems, by their places in the report's list of kinds.
    problem_kinds: list[int] = Field(sa_column=Column(ARRAY(SmallInteger), nullable=False, server_default="{}"))
    #: What is put before a person where no enterprise was found for it, as `doubts.doubt_of` takes it down.
    doubt: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))


class ImportDecision(SQLModel, table=True):
    """What a person said of a doubtful row. Never overwritten: another decision supersedes it, undoing withdraws it."""

    __tablename__ = "import_decision"  # type: ignore[assignment]
    __table_args__ = (
        Index("import_decision_row", "import_id", "sheet", "row"),
        Index("import_decision_name", "match_key", postgresql_where=sql("enterprise_id IS NOT NULL")),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    import_id: int = Field(sa_type=BigInteger, foreign_key="import_run.id", ondelete="CASCADE")
    sheet: str
    row: int
    #: match (is this enterprise), new (is a new one), wait.
    decision: str = Field(max_length=10)
    enterprise_id: int | None = Field(default=None, sa_type=BigInteger, foreign_key="enterprise.id")
    #: Of the name that the row prints: what another list that prints it can go by.
    match_key: str = ""
    #: What was said at once is undone at once.
    batch: int = Field(sa_type=BigInteger)
    decided_by: int | None = None
    decided_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    #: The batch of the decision that took its place.
    superseded_by: int | None = Field(default=None, sa_type=BigInteger)
    withdrawn_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    #: The row was imported as it says.
    carried_out_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class ColumnChoice(SQLModel, table=True):
    """What an officer said that a column means which nobody knew: proposed for the next file of the layout."""

    __tablename__ = "column_choice"  # type: ignore[assignment]

    #: The district whose officer said it; empty for the city.
    region_code: str = Field(max_length=6, primary_key=True)
    layout: str = Field(max_length=40, primary_key=True)
    #: By what the column is looked up: `columns.stem_of_column`.
    stem: str = Field(primary_key=True)
    #: The id of an indicator, or `field:` and a field.
    means: str
    chosen_by: int | None = None
    chosen_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))


class ImportTouched(SQLModel, table=True):
    """An enterprise that an import wrote of, and who it was before: what undoing goes back to."""

    __tablename__ = "import_touched"  # type: ignore[assignment]
    __table_args__ = (Index("import_touched_enterprise", "enterprise_id"),)

    import_id: int = Field(sa_type=BigInteger, foreign_key="import_run.id", ondelete="CASCADE", primary_key=True)
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id", primary_key=True)
    #: The import registered it.
    is_new: bool
    #: Its identity before, as `journal.py` takes it down; None where that is new, or as it was.
    before: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))
    #: A digest of its identity afterwards: where that differs, somebody has changed it since.
    after: str = Field(max_length=32)
    #: Why undoing left it as it is; empty where it was undone, or has not been.
    kept_because: str = ""
