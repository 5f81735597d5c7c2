"""Lists that are told to others (banks, platforms): what was agreed, as data. A field that is not agreed is not told.

AgreementError      a list that contradicts itself or the catalogue; names list and field
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal

import yaml
from pydantic import Field, model_validator

from rules.catalogue import Catalogue, Period, Record
from rules.library import Library

FOLDER: Final = Path(__file__).parent / "agreed"


class AgreementError(Exception):
    """A list cannot be used; the message says what to change."""


class AgreedField(Record):
    """One column of a list, and where it comes from."""

    id: str
    name: str
    identity: Literal["credit_code", "name", "region_code", "established_on", "industry_code"] | None = None
    #: The issuer whose latest points are told, as that issuer gave them.
    points: str | None = None
    part: Literal["year", "total", "base", "bonus", "stage", "issued_on"] = "total"
    #: The programme whose title's last day is told.
    recognition: str | None = None
    #: The indicator whose latest year is told; with `bands` (万元) only between which of them it lies.
    indicator: str | None = None
    bands: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> "AgreedField":
        if sum(one is not None for one in (self.identity, self.points, self.recognition, self.indicator)) != 1:
            raise ValueError(f"“{self.name}”须写 identity、points、recognition、indicator 之一")
        if list(self.bands) != sorted(set(self.bands)) or (self.bands and self.indicator is None):
            raise ValueError(f"“{self.name}”的分档应由小到大，只用于指标")
        return self


class Agreement(Record):
    """A list: to whom, for what, of whom and which fields."""

    id: str
    name: str
    recipient: str
    purpose: str
    documents: tuple[str, ...] = ()
    #: Only who holds one of these titles on the day; empty for everybody.
    holds: tuple[str, ...] = ()
    #: The system that the list is told to by ourselves; without one the recipient asks for it.
    told_to: str = ""
    fields: tuple[AgreedField, ...] = Field(min_length=1)

    @property
    def field_ids(self) -> list[str]:
        return [one.id for one in self.fields]

    @property
    def indicators(self) -> list[str]:
        return sorted({one.indicator for one in self.fields if one.indicator is not None})


def load_agreements(library: Library, folder: Path = FOLDER) -> Mapping[str, Agreement]:
    """Read every list and hold it against the catalogue and the rules. Raises AgreementError."""
    found: dict[str, Agreement] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            one = Agreement.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise AgreementError(f"{path.name}：{error}") from error
        if faults := _faults(one, path.stem, library.catalogue, library):
            raise AgreementError(f"{path.name}：" + "；".join(faults))
        found[one.id] = one
    return found


def _faults(one: Agreement, stem: str, catalogue: Catalogue, library: Library) -> list[str]:
    faults = [] if one.id == stem else [f"id 应与文件名 {stem} 相同"]
    faults += [f"“{name}”写了两次" for name in set(one.field_ids) if one.field_ids.count(name) > 1]
    for field in one.fields:
        indicator = catalogue.indicator(field.indicator or "")
        if field.indicator is not None and (indicator is None or indicator.period is not Period.YEARLY):
            faults.append(f"“{field.name}”的指标 {field.indicator} 不在目录中或不分年度")
    programmes = {*one.holds, *(field.recognition for field in one.fields if field.recognition)}
    return faults + [f"没有认定项目 {name}" for name in sorted(programmes) if name not in library.by_name]


@cache
def agreements() -> Mapping[str, Agreement]:
    """The lists in use, by id."""
    from rules.library import library

    return load_agreements(library())
