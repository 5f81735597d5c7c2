"""Texts in another language: `say("…")` gives a text in the language of the request at hand.

The texts of pages, messages and rules are Chinese where they stand; the Chinese text is the key under which a gettext
catalogue (`translations/<language>/<domain>.po`) holds the translation. A text without one stays Chinese, and a test
says which. The catalogues are read as they are committed, once, when somebody first asks in that language: nothing has
to be compiled, and nothing compiled can be older than what it was made of.

Machine values (ids, operators, days, amounts) are never translated, so that answers stay alike in every language.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, Final

from babel.messages.pofile import read_po

#: Language → the tag that pages and answers carry (BCP 47). The first is the one the texts are written in.
LANGUAGES: Final = {"zh": "zh-CN", "en": "en"}
#: Where catalogues are; a package that has texts of its own adds its folder.
FOLDERS: Final[list[Path]] = [Path(__file__).with_name("translations")]

#: Between a context and its text, as gettext has it.
_OF: Final = "\x04"
_language: Final[ContextVar[str]] = ContextVar("language", default="zh")
#: Keys of rule files and of the catalogue under which texts for readers stand.
_TEXTS: Final = frozenset(
    {"name", "text", "note", "message", "authority", "cite", "definition", "unit", "line", "hint"}
)


def language() -> str:
    """The language that is spoken now: a key of `LANGUAGES`."""
    return _language.get()


@contextmanager
def speaking(wanted: str) -> Iterator[None]:
    """Speak a language for a while; `wanted` is a key of `LANGUAGES`."""
    token = _language.set(wanted)
    try:
        yield
    finally:
        _language.reset(token)


def say(text: str, /, **values: Any) -> str:
    """A text in the language spoken, its `{places}` filled in.

    Where a value is markup (it has `__html__`), the result is markup too, and everything else in it is escaped.
    """
    wanted = _language.get()
    if wanted != "zh":
        text = texts_of(wanted).get(text, text)
    if not values:
        return text
    markup = next((value for value in values.values() if hasattr(value, "__html__")), None)
    # A Markup's own class escapes what it is put together with; this package knows nothing of pages.
    return text.format(**values) if markup is None else type(markup)(text).format(**values)


def marked(text: str) -> str:
    """The text itself: it is only marked for the catalogues, and said later."""
    return text


def marked_of(matter: str, text: str) -> str:
    """A text that is said in other words of one matter than of another: 符合 is eligible of a programme, met of a criterion."""
    return text


def say_of(matter: str, text: str) -> str:
    """What was marked by `marked_of`, in the language spoken."""
    wanted = _language.get()
    return text if wanted == "zh" else texts_of(wanted).get(f"{matter}{_OF}{text}", text)


def enumerated(parts: Iterable[str]) -> str:
    """Things in a row: 甲、乙、丙."""
    return say("、").join(parts)


def sentences(parts: Iterable[str]) -> str:
    """Clauses in a row: 甲；乙；丙."""
    return say("；").join(parts)


def texts_of(wanted: str) -> Mapping[str, str]:
    """All translations into a language, of every folder; texts not translated yet are left out."""
    return _texts(wanted, tuple(FOLDERS))


@cache
def _texts(wanted: str, folders: tuple[Path, ...]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for folder in folders:
        for path in sorted((folder / wanted).glob("*.po")):
            with path.open("rb") as file:
                for message in read_po(file, locale=wanted):
                    if message.id and message.string and not message.fuzzy:
                        matter = f"{message.context}{_OF}" if message.context else ""
                        found[f"{matter}{message.id}"] = str(message.string)
    return found


def walk_texts(raw: Any, change: Callable[[str], str]) -> Any:
    """What stands in a rule file or in the catalogue, with each text that readers see changed.

    Names keep their Chinese, and get the other language beside it where the file itself has none.
    """
    if isinstance(raw, list):
        return [walk_texts(one, change) for one in raw]
    return {key: _changed(key, value, change) for key, value in raw.items()} if isinstance(raw, dict) else raw


def _changed(key: str, value: Any, change: Callable[[str], str]) -> Any:
    if key in _TEXTS and isinstance(value, str):
        return change(value)
    if key == "name" and isinstance(value, dict):
        return value if value.get("en") else {**value, "en": change(value["zh"])}
    if key == "documents" and isinstance(value, list):
        return [change(one) for one in value]
    if key == "choices" and isinstance(value, dict):
        return {code: change(one) for code, one in value.items()}
    return walk_texts(value, change)


def translated(raw: Any) -> Any:
    """What stands in a rule file or in the catalogue, in the language spoken."""
    return raw if language() == "zh" else walk_texts(raw, say)
