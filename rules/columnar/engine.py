"""Many enterprises at once: versions of programmes evaluated over a population.

`rules.evaluate` is the meaning; this engine gives the same answers, faster. It reckons in floats that know their own
error. Rows that these cannot decide, and versions that hold something it does not know, it hands to the reference and
says how many.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rules.catalogue import Nature
from rules.columnar.columns import Unsupported
from rules.columnar.compiling import Compiler, Meanings
from rules.columnar.frame import Frame, founded_in, founding_days, row_numbers, same_rows
from rules.columnar.masks import Mask, Rows, both, but_not, either, settled, spread, tidy
from rules.columnar.numbers import SAFETY, Numbers, is_zero, where_true
from rules.columnar.population import Population, Stored
from rules.columnar.states import missing_of
from rules.columnar.verdicts import Judge, judge, make_judge, reported, scores, whole_truth
from rules.evaluate import Answer, Evaluator, Outcome
from rules.interpret import Environment
from rules.language import with_derivations
from rules.programme import Version, walk_criteria
from rules.values import FactKey, Number

#: Rows worked on at once: few enough that columns stay near the processor, enough that Python is not felt.
PORTION = 98_304

OUTCOMES = (str(Outcome.INELIGIBLE), str(Outcome.UNDETERMINED), str(Outcome.ELIGIBLE))
_INELIGIBLE, _UNDETERMINED, _ELIGIBLE = range(3)


@dataclass
class Bitmap:
    """Which of some names hold in each row: a bit each, in words of 64."""

    names: list[str]
    words: NDArray[np.uint64]
    #: Whether a row's names are said in the order of the alphabet, and not in that of the names.
    is_sorted: bool = False

    @classmethod
    def of(cls, masks: list[tuple[str, Mask]], size: int, *, is_sorted: bool = False) -> "Bitmap":
        words = np.zeros((size, max(1, -(-len(masks) // 64))), dtype="<u8")
        # Eight names are put together in bytes, which are then written once: words would be eight times as much to move.
        octets = words.view(np.uint8)
        for first in range(0, len(masks), 8):
            octet: NDArray[np.uint8] | None = None
            for bit, (_, mask) in enumerate(masks[first : first + 8]):
                if mask is not False:
                    shifted = spread(mask, size).view(np.uint8) << np.uint8(bit)
                    octet = shifted if octet is None else np.bitwise_or(octet, shifted, out=octet)
            if octet is not None:
                octets[:, first // 8] = octet
        return cls([name for name, _ in masks], words, is_sorted)

    def decoded(self) -> tuple[NDArray[np.int64], list[list[str]]]:
        """For each row the place of its list of names, and the different lists."""
        if self.words.shape[1] == 1:
            different, places = np.unique(self.words[:, 0], return_inverse=True)
            different = different[:, None]
        else:
            different, places = np.unique(self.words, axis=0, return_inverse=True)
        return places.reshape(-1), [self._names_of(bits) for bits in different]

    def _names_of(self, words: NDArray[np.uint64]) -> list[str]:
        bits = sum(int(word) << (64 * place) for place, word in enumerate(words))
        names = [name for place, name in enumerate(self.names) if bits >> place & 1]
        return sorted(names) if self.is_sorted else names

    def names_at(self, row: int) -> list[str]:
        """The names that hold in one row."""
        return self._names_of(self.words[row])

    def lists(self) -> pl.Series:
        """The names that hold in each row."""
        places, different = self.decoded()
        return pl.Series(different, dtype=pl.List(pl.String)).gather(places)

    def set(self, row: int, names: list[str]) -> None:
        """Write one row anew; names not seen so far are added."""
        for name in names:
            if name not in self.names:
                self.names.append(name)
        if len(self.names) > 64 * self.words.shape[1]:
            self.words = np.hstack([self.words, np.zeros((len(self.words), 1), dtype=np.uint64)])
        self.words[row] = 0
        for name in names:
            place = self.names.index(name)
            self.words[row, place // 64] |= np.uint64(1) << np.uint64(place % 64)


@dataclass
class Verdicts:
    """What one version answers for some rows."""

    version: Version
    #: The rows of the population that are answered for.
    rows: NDArray[np.int64]
    #: Places in `OUTCOMES`.
    outcomes: NDArray[np.int8]
    is_likely: NDArray[np.bool_]
    #: Bounds of the score; NaN where there is none or no bound.
    least: NDArray[np.float64]
    most: NDArray[np.float64]
    failed: Bitmap
    unknown: Bitmap
    missing: Bitmap
    #: Scores that floats do not hold, by place.
    exact_scores: dict[int, tuple[Number | None, Number | None]] = field(
        default_factory=dict[int, tuple[Number | None, Number | None]]
    )
    #: How many rows the reference answered.
    referred: int = 0

    def kept(self, where: NDArray[np.bool_]) -> "Verdicts":
        """The answers for some of the rows."""
        if where.all():
            return self
        places = np.cumsum(where) - 1
        failed, unknown, missing = (
            Bitmap(one.names, one.words[where], one.is_sorted) for one in (self.failed, self.unknown, self.missing)
        )
        exact = {int(places[place]): scores for place, scores in self.exact_scores.items() if where[place]}
        return Verdicts(
            self.version, self.rows[where], self.outcomes[where], self.is_likely[where], self.least[where],
            self.most[where], failed, unknown, missing, exact, self.referred,
        )  # fmt: skip

    def frame(self, ids: NDArray[np.int64]) -> pl.DataFrame:
        """As a table with names instead of bits."""
        return pl.DataFrame(
            {
                "enterprise_id": ids[self.rows],
                "programme": pl.Series([self.version.source.programme]).gather(
                    np.zeros(len(self.rows), dtype=np.int64)
                ),
                "version": pl.Series([self.version.source.version]).gather(np.zeros(len(self.rows), dtype=np.int64)),
                "outcome": pl.Series(OUTCOMES).gather(self.outcomes.astype(np.int64)),
                "is_likely": self.is_likely,
                "score_least": pl.Series(self.least, nan_to_null=True),
                "score_most": pl.Series(self.most, nan_to_null=True),
                "failed": self.failed.lists(),
                "unknown": self.unknown.lists(),
                "missing": self.missing.lists(),
            }
        )


@dataclass(frozen=True)
class _Ready:
    """A version made ready; without judges the reference answers for it."""

    version: Version
    judges: tuple[Judge, ...] | None
    why_not: str = ""


class Portion:
    """Some rows of a population on one day, and the frames made of them."""

    def __init__(self, population: Population, rows: Rows, size: int, as_of: date) -> None:
        self.population = population
        self.rows = rows
        self.size = size
        self.as_of = as_of
        self.frames: dict[Any, Frame] = {}
        self._parts: dict[bytes, Portion] = {}

    def part(self, where: NDArray[np.bool_]) -> "Portion":
        """Some of its rows."""
        name = np.packbits(where).tobytes()
        if name not in self._parts:
            rows = self.numbers()[where]
            self._parts[name] = Portion(self.population, rows, len(rows), self.as_of)
        return self._parts[name]

    def stored(self, name: str) -> tuple[Stored, NDArray[Any]] | None:
        """A fact without years as it was reported, and its values in these rows; None where nobody reported it."""
        stored = self.population.current.get(name)
        return None if stored is None else (stored, stored.at(self.rows))

    def numbers(self) -> NDArray[np.int64]:
        """The numbers of the rows."""
        if isinstance(self.rows, slice):
            return np.arange(self.rows.start, self.rows.stop, dtype=np.int64)
        return self.rows


class Engine:
    """Versions made ready for a catalogue, kept from one population to the next."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.compiler = Compiler(environment.catalogue)
        self._ready: dict[str, _Ready] = {}
        self._evaluators: dict[str, Evaluator] = {}
        self._reads: dict[str, frozenset[str]] = {}

    def prepare(self, version: Version) -> str:
        """Make a version ready; says why not, where the reference has to answer for it."""
        if version.id not in self._ready:
            meanings = Meanings(self.compiler, {measure.id: measure.node for measure in version.measures})
            try:
                judges = tuple(make_judge(meanings, criterion) for criterion in version.criteria)
                self._ready[version.id] = _Ready(version, judges)
            except Unsupported as error:
                self._ready[version.id] = _Ready(version, None, str(error))
        return self._ready[version.id].why_not

    def evaluator(self, version: Version) -> Evaluator:
        """The reference for a version."""
        if version.id not in self._evaluators:
            self._evaluators[version.id] = Evaluator(version, self.environment)
        return self._evaluators[version.id]

    def _read_by(self, version: Version) -> frozenset[str]:
        """The indicators that the reference may look at for a version."""
        if version.id not in self._reads:
            always = {"established_on", "latest_audited_fy"} & self.environment.catalogue.by_name.keys()
            self._reads[version.id] = with_derivations({*version.indicators, *always}, self.environment.catalogue)
        return self._reads[version.id]

    def answer(self, version: Version, portion: Portion) -> list[Verdicts]:
        """What a version answers for a portion; one table for each fiscal year that its rows count as the last."""
        self.prepare(version)
        return [self._answer_frame(version, frame) for frame in self.frames(version, portion)]

    def _answer_frame(self, version: Version, frame: Frame) -> Verdicts:
        ready = self._ready[version.id]
        frame.doubts, frame.passing = False, {}
        if ready.judges is None:
            return self._referred(version, frame)
        try:
            with np.errstate(all="ignore"):
                verdicts, doubts = _judged(ready.judges, version, frame, self.environment)
        except Unsupported:
            # Something that only the figures show, such as a text that is a very large number.
            frame.year = frame.base_year
            return self._referred(version, frame)
        finally:
            frame.passing = {}
        for place in np.flatnonzero(spread(doubts, frame.size)):
            self._refer(version, frame, verdicts, int(place))
        return verdicts

    def _referred(self, version: Version, frame: Frame) -> Verdicts:
        """All rows answered by the reference."""
        size = frame.size
        nothing = np.full(size, np.nan)
        criteria: list[tuple[str, Mask]] = [(one.id, False) for one in walk_criteria(version.criteria) if one.id]
        verdicts = Verdicts(
            version, row_numbers(frame), np.zeros(size, np.int8), np.zeros(size, np.bool_), nothing, nothing.copy(),
            Bitmap.of(criteria, size), Bitmap.of(criteria, size), Bitmap.of([], size, is_sorted=True),
        )  # fmt: skip
        for place in range(size):
            self._refer(version, frame, verdicts, place)
        return verdicts

    def _refer(self, version: Version, frame: Frame, verdicts: Verdicts, place: int) -> None:
        facts = frame.population.facts(int(verdicts.rows[place]), self._read_by(version))
        write(verdicts, place, self.evaluator(version).answer(facts, frame.as_of))

    def frames(self, version: Version, portion: Portion) -> Iterator[Frame]:
        rule, as_of = version.source.fiscal_year, portion.as_of
        if rule == "latest_audited":
            years = _audited_years(portion)
        else:
            years = np.array(rule if isinstance(rule, int) else as_of.year - 1)
        if version.source.first_year_actuals:
            days = founding_days(portion.population, portion.rows)
            founded = days is not None and founded_in(days, as_of.year)
            years = years if founded is False else np.where(founded, as_of.year, years)
        if years.ndim == 0 or (years == years[0]).all():
            yield self._whole(portion, int(years if years.ndim == 0 else years[0]))
            return
        for year in np.unique(years):
            yield self._part(
                portion, (rule, version.source.first_year_actuals, int(year)), np.flatnonzero(years == year), int(year)
            )

    def _whole(self, portion: Portion, year: int) -> Frame:
        if year not in portion.frames:
            first = next(iter(portion.frames.values()), None)
            if isinstance(first, Frame) and first.size == portion.size:
                portion.frames[year] = same_rows(first, year)
            else:
                portion.frames[year] = Frame(
                    portion.population, self.compiler, portion.as_of, portion.rows, portion.size, year
                )
        return portion.frames[year]

    def _part(self, portion: Portion, name: Any, places: NDArray[np.int64], year: int) -> Frame:
        if name not in portion.frames:
            rows = portion.numbers()[places]
            portion.frames[name] = Frame(portion.population, self.compiler, portion.as_of, rows, len(rows), year)
        return portion.frames[name]


def _audited_years(portion: Portion) -> NDArray[np.int64]:
    """The latest audited year as reported; where it is not, annual audits are out by the end of April."""
    as_of = portion.as_of
    usual = as_of.year - (1 if as_of.month >= 5 else 2)
    stored = portion.stored("latest_audited_fy")
    if stored is None:
        return np.array(usual)
    return np.where(np.isnan(stored[1]), usual, stored[1]).astype(np.int64)


def _judged(
    judges: tuple[Judge, ...], version: Version, frame: Frame, environment: Environment
) -> tuple[Verdicts, Mask]:
    verdicts = [judge(frame, one) for one in judges]
    truth = whole_truth(verdicts)
    size, open_rows = frame.size, truth.state.unknown
    outcomes = np.where(
        spread(open_rows, size), _UNDETERMINED, np.where(spread(truth.true, size), _ELIGIBLE, _INELIGIBLE)
    )
    missing = missing_of(truth.state, open_rows)
    least, most = _score(frame, scores(verdicts))
    return Verdicts(
        version, row_numbers(frame), outcomes.astype(np.int8), _only_people_are_asked(missing, environment, size),
        least, most,
        Bitmap.of(reported(verdicts, failed=True), size), Bitmap.of(reported(verdicts, failed=False), size),
        Bitmap.of([(str(key), mask) for key, mask in missing.items()], size, is_sorted=True),
    ), frame.doubts  # fmt: skip


def _only_people_are_asked(missing: Mapping[FactKey, Mask], environment: Environment, size: int) -> NDArray[np.bool_]:
    """Where nothing is open but what a person has to confirm, or records of misconduct."""
    figures: Mask = False
    others: Mask = False
    for key, mask in missing.items():
        indicator = environment.catalogue.by_name[key.indicator]
        if indicator.is_exception:
            continue
        if indicator.nature is Nature.FIGURE:
            figures = either(figures, mask)
        else:
            others = either(others, mask)
    return spread(but_not(others, figures), size)


def _score(frame: Frame, found: list[tuple[Mask, Numbers]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first score that was worked out in each row."""
    least, most = np.full(frame.size, np.nan), np.full(frame.size, np.nan)
    for where, figure in reversed(found):
        low, high = figure.low, figure.high
        if not is_zero(figure.error):
            low, high = _settled_scores(frame, where, figure)
        least, most = where_true(where, low, least), where_true(where, high, most)
    return _spread(least, frame.size), _spread(most, frame.size)


def _settled_scores(frame: Frame, where: Mask, figure: Numbers) -> tuple[Any, Any]:
    """Scores as the fractions they must be: the only multiple of 1/denominator that is near; else left to the reference."""
    scale = float(figure.denominator.scale)
    sure = (figure.error * SAFETY * scale < 0.25) & (not figure.denominator.divisors)
    nothing = np.isnan(figure.low) & np.isnan(figure.high)
    frame.doubt(both(where, tidy(settled(~(sure | nothing)))))
    return np.rint(figure.low * scale) / scale, np.rint(figure.high * scale) / scale


def _spread(values: Any, size: int) -> NDArray[np.float64]:
    return np.array(np.broadcast_to(np.asarray(values, dtype=np.float64), size))


def write(verdicts: Verdicts, place: int, answer: Answer) -> None:
    """Put the reference's answer in the place of a row."""
    verdicts.referred += 1
    verdicts.outcomes[place] = OUTCOMES.index(str(answer.outcome))
    verdicts.is_likely[place] = answer.is_likely
    least, most = answer.score or (None, None)
    verdicts.least[place], verdicts.most[place] = (np.nan if one is None else float(one) for one in (least, most))
    if any(one is not None and Fraction(float(one)) != one for one in (least, most)):
        verdicts.exact_scores[place] = (least, most)
    verdicts.failed.set(place, answer.failed)
    verdicts.unknown.set(place, answer.unknown)
    verdicts.missing.set(place, [str(key) for key in answer.missing])


def portions(population: Population, as_of: date, size: int = PORTION) -> Iterator[Portion]:
    """The population in portions, in order."""
    for start in range(0, population.size, size):
        stop = min(start + size, population.size)
        yield Portion(population, slice(start, stop), stop - start, as_of)


def evaluate_population(
    version: Version, population: Population, as_of: date, engine: Engine, workers: int = 2
) -> list[Verdicts]:
    """What a version answers for a whole population, in the order of its rows within each fiscal year."""
    return evaluate_versions([version], population, as_of, engine, workers)[0]


def evaluate_versions(
    versions: Sequence[Version], population: Population, as_of: date, engine: Engine, workers: int = 2
) -> list[list[Verdicts]]:
    """The same for several versions, which share what they read."""
    for version in versions:
        engine.prepare(version)
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(lambda portion: [engine.answer(one, portion) for one in versions], portions(population, as_of))
        by_version = zip(*found, strict=True)
        return [[verdicts for one in tables for verdicts in one] for tables in by_version] or [[] for _ in versions]


def evaluate_columns(version: Version, population: Population, as_of: date, environment: Environment) -> pl.DataFrame:
    """What a version answers, a row per enterprise in the population's order.

    Columns: `enterprise_id, programme, version, outcome, is_likely, score_least, score_most, failed, unknown, missing`.
    """
    found = evaluate_population(version, population, as_of, Engine(environment))
    if not found:
        return pl.DataFrame()
    rows = np.concatenate([one.rows for one in found])
    return pl.concat([one.frame(population.ids) for one in found]).gather(np.argsort(rows, kind="stable"))
