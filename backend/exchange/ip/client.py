"""Numbers of patents and other rights, as a list."""

from typing import Final

from backend.exchange.connector import CULTIVATION, Connector

IP: Final = Connector("ip", "知识产权数量", ("ip_counts",), "listing", CULTIVATION)
