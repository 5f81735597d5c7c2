"""Logs: one JSON object a line on standard error, errors with their traceback but without any value of a variable.

Values stay out because they may be an enterprise's figures; and because drawing those of a deep error takes minutes.
"""

import logging
import sys

import structlog


def configure_logs() -> None:
    """Set the form of all logs; again and again, if need be."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
