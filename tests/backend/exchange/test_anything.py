"""Whatever is sent, each item is answered by itself and nothing breaks."""

from typing import Any

from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backend.exchange.systems import calling_system

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
#: Close enough to what is asked for to get far.
ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "id": ANYTHING, "credit_code": st.just("91321283DEM000014X") | ANYTHING, "year": st.integers(1900, 3000) | ANYTHING,
        "received_on": st.dates().map(str) | ANYTHING, "note": ANYTHING, "programme": st.just("hnte") | ANYTHING,
        "granted_on": st.dates().map(str) | ANYTHING, "valid_to": st.dates().map(str) | ANYTHING,
        "values": st.dictionaries(
            st.sampled_from(("operating_revenue", "employee_total", "major_incidents", "hnte_field_code", "x")), ANYTHING
        ) | ANYTHING,
    },
)  # fmt: skip


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    items=st.lists(ITEMS | ANYTHING, min_size=1, max_size=8), path=st.sampled_from(("/filings", "/recognitions/batch"))
)
async def test_whatever_is_sent_every_item_is_answered(app: FastAPI, items: list[Any], path: str):
    held = getattr(app.state, "anything", None)
    if held is None:
        held = app.state.anything = await calling_system(app, "anybody")
    answer = await held.send(path, items)
    if answer.status_code == 400:  # a text that is no text spoils the whole request
        assert answer.json()["type"].rpartition("/")[2] in ("invalid-text", "invalid-utf8", "number-too-long")
        return
    assert answer.status_code == 200
    results = answer.json()["items"]
    assert [one["index"] for one in results] == list(range(len(items)))
    assert all(one["status"] != "refused" or one["problems"][0]["remedy"] for one in results)
