"""What high-tech zones report. The zones themselves are entries of the register `zones`."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, DateTime, Index, func
from sqlmodel import Field, SQLModel


class ZoneFigure(SQLModel, table=True):
    """A zone's figure of a year, or a fact of the day, as its source said; a correction is a new row."""

    __tablename__ = "zone_figure"  # type: ignore[assignment]
    __table_args__ = (Index("zone_figure_of", "thing_id", "indicator", "year"),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    #: The zone, as a thing of the register of zones.
    thing_id: int = Field(sa_type=BigInteger)
    #: An indicator of the catalogue or of a plan target.
    indicator: str = Field(max_length=80)
    #: None for what is not yearly.
    year: int | None = None
    #: A number, or true and false for what a person confirms; written as JSON.
    value: str
    source: str = Field(max_length=100)
    note: str = ""
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    recorded_by: int | None = None
