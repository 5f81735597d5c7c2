"""The letter that carries an activation code: in Chinese, in English, or in both on one sheet, as the officer chooses."""

from typing import Any, Final

from markupsafe import Markup

from backend.web.templates import templates
from rules.translation import LANGUAGES, speaking

#: What an officer chooses → the languages that the sheet then has.
CHOICES: Final = {"zh": ("zh",), "en": ("en",), "both": tuple(LANGUAGES)}
NAMES: Final = (("zh", "中文"), ("en", "英文"), ("both", "中英文同印一张"))


def letters(wanted: str, **known: Any) -> list[Markup]:
    """The letter's text in each language of the sheet; Chinese where nothing that is offered was chosen."""
    piece = templates.get_template("own_file/_letter.html")
    drawn: list[Markup] = []
    for one in CHOICES.get(wanted, CHOICES["zh"]):
        with speaking(one):
            text = piece.render(known | {"language": one, "language_tag": LANGUAGES[one]})
        drawn.append(Markup(text))  # noqa: S704 – drawn by the template, which escapes
    return drawn
