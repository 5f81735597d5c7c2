"""The catalogues of translations brought up to what the code, the templates and the rule files say now.

    python -m tests.write_translations

Texts that are new stand in the catalogue without a translation, texts that are gone leave it; a test says when that is
needed, and which texts still wait for a translation.
"""

from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from babel.messages import Catalog
from babel.messages.extract import extract, extract_from_dir
from babel.messages.pofile import read_po, write_po

from backend.exchange.agreements import load_agreements
from rules.catalogue import CATALOGUE_FILE
from rules.language import Call, Literal, walk
from rules.library import PROGRAMMES_FOLDER, library
from rules.programme import Version, read_yaml, walk_criteria
from rules.translation import LANGUAGES, walk_texts

ROOT: Final = Path(__file__).parent.parent
#: A text, and the matter it is said of; empty for most.
Text = tuple[str, str]
_PYTHON: Final = {
    "say": None, "marked": None, "say_of": ((1, "c"), 2), "marked_of": ((1, "c"), 2),
}  # fmt: skip
_HEAD: Final = "# Written by `python -m tests.write_translations`; the translations are kept.\n\n"
_WIDTH: Final = 110


def catalogues() -> dict[Path, list[Text]]:
    """Each catalogue's file, without the language's folder, with the texts that belong into it, in their order."""
    rules = dict.fromkeys([*_of_rules(), *_of_python("rules")])
    pages = dict.fromkeys([*_of_python("backend"), *_of_templates(), *_of_agreements()])
    return {
        ROOT / "rules/translations/{language}/rules.po": list(rules),
        ROOT / "backend/translations/{language}/pages.po": [one for one in pages if one not in rules],
    }


def _of_rules() -> Iterator[Text]:
    """What readers see of the catalogue of indicators and of the rule files."""
    found: list[str] = []

    def note(text: str) -> str:
        found.append(text)
        return text

    walk_texts(read_yaml(CATALOGUE_FILE), note)
    for path in sorted(PROGRAMMES_FOLDER.rglob("*.yaml")):
        walk_texts(read_yaml(path), note)
    versions = [version for one in library().programmes.values() for version in one.versions]
    found += [reason for version in versions for reason in _left_to_people(version)]
    return (("", text) for text in dict.fromkeys(found) if has_han(text))


def _left_to_people(version: Version) -> Iterator[str]:
    """The reasons of `undetermined("…")`, which stand inside expressions."""
    nodes = [one.node for one in version.measures]
    nodes += [one.test for one in walk_criteria(version.criteria) if one.test is not None]
    for root in nodes:
        for node in walk(root):
            if isinstance(node, Call) and node.function == "undetermined":
                reason = node.arguments[0]
                assert isinstance(reason, Literal)
                yield str(reason.value)


def _of_python(folder: str) -> Iterator[Text]:
    found = extract_from_dir(ROOT / folder, method_map=[("**.py", "python")], keywords=_PYTHON, comment_tags=())
    return ((context or "", str(text)) for _, _, text, _, context in found if has_han(str(text)))


def _of_templates() -> Iterator[Text]:
    for path in sorted((ROOT / "frontend_templates").rglob("*.html")):
        found: Any = extract("jinja2.ext:babel_extract", BytesIO(path.read_bytes()), keywords={"_": None})
        yield from (("", str(text)) for _, text, _, _ in found if has_han(str(text)))


def _of_agreements() -> Iterator[Text]:
    """What enterprises read of the lists that they consent to."""
    for agreed in load_agreements(library()).values():
        texts = (agreed.name, agreed.recipient, agreed.purpose, *(field.name for field in agreed.fields))
        yield from (("", text) for text in texts if has_han(text))


def has_han(text: str) -> bool:
    """Whether a text holds anything Chinese, its punctuation included."""
    return any("\u3000" <= one <= "\u9fff" or "\uff00" <= one <= "\uffef" for one in text)


def known(path: Path) -> dict[Text, str]:
    """What a catalogue has translated."""
    if not path.exists():
        return {}
    with path.open("rb") as file:
        return {(one.context or "", str(one.id)): str(one.string or "") for one in read_po(file) if one.id}


def written(texts: list[Text], translations: Mapping[Text, str]) -> bytes:
    """A catalogue as a file."""
    made = Catalog(charset="utf-8")
    for context, text in texts:
        made.add(text, translations.get((context, text), ""), context=context or None)
    content = BytesIO()
    write_po(content, made, width=_WIDTH, no_location=True, omit_header=True)
    return _HEAD.encode() + content.getvalue()


def main() -> None:
    """Write all catalogues anew."""
    for wanted in list(LANGUAGES)[1:]:
        for place, texts in catalogues().items():
            path = Path(str(place).format(language=wanted))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(written(texts, known(path)))


if __name__ == "__main__":
    main()
