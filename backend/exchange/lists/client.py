"""Published credit lists: the abnormal and the dishonest."""

from typing import Final

from backend.exchange.connector import CULTIVATION, Connector

LISTS: Final = Connector("lists", "信用名单", ("abnormal", "dishonesty"), "listing", CULTIVATION)
