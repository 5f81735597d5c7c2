"""Counting for a zone what its enterprises hold and have, and who that is: of those in its park on the day, as known then."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.lineage import lived
from backend.enterprises.places import DATED, place_on
from backend.subregisters.queries import entries_of_things
from backend.subregisters.schemas import Entry, register_named

HOLDING: Final = "zone_hnte_count"
HAVING: Final = "zone_rd_institution_municipal_plus_count"
COUNTED: Final = {HOLDING: "区内有效高新技术企业", HAVING: "区内市级以上企业研发机构"}
#: Institutions of enterprises; as the plans count them.
_RD_TYPES: Final = register_named("institutions").groups["enterprise_rd"]

_MOMENT: Final = "CAST(:known_at AS timestamptz)"
_KNOWN: Final = (
    f"CASE WHEN {_MOMENT} IS NULL THEN {{row}}.superseded_at IS NULL ELSE {{row}}.recorded_at <= {_MOMENT}"
    f" AND ({{row}}.superseded_at IS NULL OR {{row}}.superseded_at > {_MOMENT}) END"
)
#: Enterprises in the park: whoever was ever told to be there is asked where it was on the day.
_THERE: Final = (
    "SELECT e.id FROM enterprise e WHERE e.id IN (SELECT n.id FROM enterprise n WHERE n.park = :park"
    f" UNION SELECT er.enterprise_id FROM enterprise_region er WHERE {DATED} AND er.park = :park"
    f" UNION SELECT er.enterprise_id FROM enterprise_place er WHERE er.known_to > {_MOMENT} AND er.park = :park)"
    f" AND {place_on('park', 'CAST(:on AS date)', _MOMENT)} = :park"
)
_LEVELS: Final = ("municipal", "provincial", "national")
_INSTITUTIONS: Final = (
    f"FROM register_entry t WHERE (t.park = :park OR t.enterprise_id IN ({_THERE})) AND t.register_id = 'institutions'"
    f" AND {_KNOWN.format(row='t')} AND NOT t.is_withdrawn AND t.type = ANY(CAST(:types AS text[]))"
    " AND t.level = ANY(CAST(:levels AS text[]))"
)
#: Those in being on the day.
_STANDING: Final = (
    f"{_INSTITUTIONS} AND (t.starts_on IS NULL OR t.starts_on <= :on) AND (t.ends_on IS NULL OR t.ends_on >= :on)"
)


@dataclass(frozen=True)
class Park:
    """A zone's park, and the moment whose knowledge answers; None is now."""

    name: str
    known_at: datetime | None = None

    def asked(self, on: date) -> dict[str, Any]:
        """The parameters of all that is asked about it."""
        return {
            "park": self.name, "known_at": self.known_at, "on": on, "types": list(_RD_TYPES), "levels": list(_LEVELS),
        }  # fmt: skip


async def counted(session: AsyncSession, park: Park, on: date) -> dict[str, int]:
    """Certificates and institutions of the enterprises in a zone on a day."""
    found = await session.execute(
        text(
            f"SELECT (SELECT count(DISTINCT r.enterprise_id) FROM recognition r WHERE r.enterprise_id IN ({_THERE})"
            f" AND {lived('r.enterprise_id', 'CAST(:on AS date)')} AND r.programme = 'hnte' AND {_KNOWN.format(row='r')}"
            " AND r.valid_from <= :on AND (r.valid_to IS NULL OR r.valid_to >= :on)"
            " AND (r.revoked_on IS NULL OR r.revoked_on > :on)),"
            f" (SELECT count(DISTINCT t.thing_id) {_STANDING})"
        ),
        park.asked(on),
    )
    return dict(zip(COUNTED, found.one(), strict=True))


async def institutions(session: AsyncSession, park: Park, on: date) -> list[Entry]:
    """The institutions that `counted` counts, the highest level first."""
    things = list((await session.execute(text(f"SELECT DISTINCT t.thing_id {_STANDING}"), park.asked(on))).scalars())
    found = await entries_of_things(
        session, things, "institutions", key="thing_id", types=_RD_TYPES, levels=_LEVELS, on=on, known_at=park.known_at
    )
    return sorted(found.values(), key=lambda one: (-_LEVELS.index(one.draft.level), one.draft.name, one.id))


async def added(session: AsyncSession, park: Park, on: date) -> int:
    """Institutions of municipal level or above that are new in the year of a day; one that was promoted is none."""
    found = await session.execute(
        text(
            f"SELECT count(*) FROM (SELECT min(t.starts_on) AS first {_INSTITUTIONS} GROUP BY t.thing_id) s"
            " WHERE s.first BETWEEN :year AND :on"
        ),
        park.asked(on) | {"year": date(on.year, 1, 1)},
    )
    return found.scalar_one()
