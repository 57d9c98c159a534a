"""SQL text made ready once per process: placeholders numbered, values dumped, rows loaded.

Noun modules write psycopg's placeholders, ``%s`` or ``%(name)s``; PostgreSQL wants ``$1``. Rows
come back as dicts in which uuids are ``str``, times are aware and in UTC, and jsonb is decoded.

A column can hold more than Python and JSON can say: years before 1 and after 9999, infinite times,
numbers without bound. One such value, written long ago or by somebody else, must not make its row
unreadable, and with it every list that the row stands in. So there are two sets of loaders: the
usual ones, written in C, and patient ones, which are asked when a usual one gives up.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from psycopg.adapt import AdaptersMap, PyFormat, Transformer
from psycopg.types.datetime import TimestamptzLoader
from psycopg.types.json import Jsonb, JsonbDumper, set_json_loads
from psycopg.types.string import TextLoader

from bountyexpo.domain.values import MOMENT_MAX, MOMENT_MIN
from bountyexpo.observability import metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from psycopg.abc import Buffer
    from psycopg.pq.abc import PGresult

    Parameters = Sequence[Any] | Mapping[str, Any]
    Row = dict[str, Any]

# Wraps a list, a scalar or a struct that is to be stored as jsonb; a plain dict needs no wrapper.
Json = Jsonb

# Statements kept ready. SQL is text in the source, so only a fault could make more of them.
STATEMENTS_MAX = 2000

_PLACEHOLDER = re.compile(r"%(?:(%)|s|\((\w+)\)s)")
_VERB = re.compile(r"\s*(?:--[^\n]*\n\s*)*(\w+)")
_VERBS = frozenset({"select", "insert", "update", "delete", "with"})


# What a usual loader raises for a value that it cannot say.
UNREADABLE = (psycopg.DataError, msgspec.MsgspecError, RecursionError, ValueError)

# Digits of a whole number beyond which its value does not matter.
DIGITS_MAX = 4_000


def _encode(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise psycopg.DataError("the value has no form in JSON") from error


class _JsonDumper(JsonbDumper):
    """Writes jsonb by msgspec, which also knows structs and times."""

    _dumps = staticmethod(_encode)


class _PatientTimes(TimestamptzLoader):
    """Reads a time that Python cannot say as the nearest one that every layer can keep."""

    def load(self, data: Buffer) -> datetime:
        """Return the time."""
        try:
            return super().load(data)
        except psycopg.DataError:
            text = bytes(data)
            is_early = text.endswith(b" BC") or text == b"-infinity"
            return MOMENT_MIN if is_early else MOMENT_MAX


def _patient_json(data: str | bytes) -> Any:
    """Return the JSON; a number without bound is infinite, and what is bottomless stays text."""
    try:
        return msgspec.json.decode(data)
    except UNREADABLE:
        try:
            return json.loads(data, parse_int=_whole)
        except RecursionError:
            return data if isinstance(data, str) else bytes(data).decode()


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= DIGITS_MAX else float(digits)


def _adapters(read_json: Callable[[str | bytes], Any]) -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_loader("uuid", TextLoader)
    adapters.register_dumper(dict, _JsonDumper)
    adapters.register_dumper(Jsonb, _JsonDumper)
    set_json_loads(read_json, adapters)
    return adapters


ADAPTERS = _adapters(msgspec.json.decode)

PATIENT_ADAPTERS = _adapters(_patient_json)
PATIENT_ADAPTERS.register_loader("timestamptz", _PatientTimes)


class Statement:
    """One SQL text, shared by all sessions.

    Dumping and loading are synchronous, so one transformer with its warm caches serves every
    session: nobody else can run between the dump and the send, nor between the read and the load.
    """

    __slots__ = (
        *("_formats", "_names", "_patient", "_row_makers", "_transformer"),
        *("count", "errors", "milliseconds", "query"),
    )

    def __init__(self, sql: str) -> None:
        self._names: list[str] = []
        self.query = _PLACEHOLDER.sub(self._number, sql).encode()
        self._formats = [PyFormat.AUTO] * len(self._names)
        self._transformer = Transformer(ADAPTERS)
        # For results that the usual loaders cannot read, of which there are next to none.
        self._patient: Any = None
        self._row_makers: dict[tuple[bytes | None, ...], Callable[[Sequence[Any]], Row]] = {}
        found = _VERB.match(sql)
        verb = found.group(1).lower() if found else ""
        operation = verb if verb in _VERBS else "other"
        self.count = metrics.DB_QUERIES.labels(operation)
        self.milliseconds = metrics.DB_QUERY_MS.labels(operation)
        self.errors = metrics.DB_ERRORS.labels(operation)

    def dump(
        self, params: Parameters
    ) -> tuple[Sequence[Buffer | None], tuple[int, ...], Sequence[int]]:
        """Return the values as PostgreSQL wants them, their type ids, and their formats.

        Raises:
            psycopg.DataError: one of them cannot be written.
        """
        if not isinstance(params, (tuple, list)):
            params = [params[name] for name in self._names]  # type: ignore[call-overload]
        elif len(params) != len(self._names):
            raise TypeError(f"{len(params)} values for {len(self._names)} placeholders")
        if not params:
            return (), (), ()
        transformer = self._transformer
        try:
            values = transformer.dump_sequence(params, self._formats)
        except (UnicodeError, OverflowError) as error:
            raise psycopg.DataError("the value has no form in the database") from error
        return values, transformer.types or (), transformer.formats or ()

    def load(self, result: PGresult) -> list[Row]:
        """Return the rows of a result."""
        count = result.ntuples
        if not count:
            return []
        maker = self._row_maker(result)
        try:
            self._transformer.set_pgresult(result)
            return self._transformer.load_rows(0, count, maker)
        except UNREADABLE:
            patient = self._patient = self._patient or Transformer(PATIENT_ADAPTERS)
            patient.set_pgresult(result)
            return patient.load_rows(0, count, maker)

    def _row_maker(self, result: PGresult) -> Callable[[Sequence[Any]], Row]:
        raw = tuple([result.fname(index) for index in range(result.nfields)])
        maker = self._row_makers.get(raw)
        if maker is None:
            names = [(name or b"").decode() for name in raw]

            def maker(values: Sequence[Any]) -> Row:
                return dict(zip(names, values, strict=True))

            self._row_makers[raw] = maker
        return maker

    def _number(self, found: re.Match[str]) -> str:
        percent, name = found.groups()
        if percent:
            return "%"
        if name is None:
            self._names.append("")
        elif name in self._names:
            return f"${self._names.index(name) + 1}"
        else:
            self._names.append(name)
        return f"${len(self._names)}"


_statements: dict[str, Statement] = {}


def statement(sql: str) -> Statement:
    """Return the prepared form of a text; the same object each time."""
    found = _statements.get(sql)
    if found is None:
        if len(_statements) >= STATEMENTS_MAX:
            _statements.clear()
        found = _statements[sql] = Statement(sql)
    return found
