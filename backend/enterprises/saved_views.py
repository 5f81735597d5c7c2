"""Saved views: a list's filters, order and columns under a name, one's own or shared with colleagues.

ViewRefused                 422, what was entered cannot be
└── ViewUnknown             404
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import PersonSignedIn

#: What says where in a list somebody is, and not which list it is.
PLACE = frozenset({"page", "cursor", "back", "csrf_token"})
MOST_VIEWS = 50


class ViewRefused(Exception):
    """A view cannot be saved so; the message says what to do."""

    status_code = 422


class ViewUnknown(ViewRefused):
    """There is no such view, or it is another's."""

    status_code = 404

    def __init__(self) -> None:
        super().__init__("没有这个视图，或者它是同事共享的，只有本人能删除。")


@dataclass(frozen=True)
class SavedView:
    """A view as the list offers it."""

    id: int
    name: str
    #: The query string of the list.
    query: str
    is_shared: bool
    is_own: bool


async def views_for(session: AsyncSession, person: PersonSignedIn) -> list[SavedView]:
    """One's own views and those that are shared with one, the own ones first."""
    found = await session.execute(
        text(
            "SELECT id, name, query, is_shared, person_id = :person FROM saved_view"
            " ORDER BY person_id <> :person, name, id"
        ),
        {"person": person.id},
    )
    return [SavedView(*row) for row in found]


def normal_query(query: str) -> str:
    """The query string that says which list it is, whatever page of it is open."""
    return urlencode([(name, value) for name, value in parse_qsl(query) if value and name not in PLACE])


async def save_view(session: AsyncSession, person: PersonSignedIn, name: str, query: str, *, is_shared: bool) -> int:
    """Keep a view under a name, in place of an own one of that name; a shared one is seen by whoever sees the district.

    Raises:
        ViewRefused: without a name, with too long a one, or when there are very many already.
    """
    name = " ".join(name.split())
    if not name or len(name) > 60:
        raise ViewRefused("请给视图起个名字，最多 60 个字。")
    asked = normal_query(query)
    if len(asked) > 2_000:
        raise ViewRefused("筛选条件太长，不能保存为视图。请去掉一些条件。")
    own = [one for one in await views_for(session, person) if one.is_own]
    if len(own) >= MOST_VIEWS and all(one.name != name for one in own):
        raise ViewRefused(f"每人最多保存 {MOST_VIEWS} 个视图，请先删除不用的。")
    found = await session.execute(
        text(
            "INSERT INTO saved_view (person_id, name, query, is_shared, region_code)"
            " VALUES (:person, :name, :query, :shared, :region) ON CONFLICT (person_id, name)"
            " DO UPDATE SET query = excluded.query, is_shared = excluded.is_shared RETURNING id"
        ),
        {"person": person.id, "name": name, "query": asked, "shared": is_shared, "region": person.region_code},
    )
    return found.scalar_one()


async def delete_view(session: AsyncSession, person: PersonSignedIn, view_id: int) -> None:
    """Forget an own view. Raises ViewUnknown."""
    gone = await session.execute(
        text("DELETE FROM saved_view WHERE id = :id AND person_id = :person RETURNING id"),
        {"id": view_id, "person": person.id},
    )
    if gone.first() is None:
        raise ViewUnknown
