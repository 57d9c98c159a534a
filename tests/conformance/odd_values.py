"""Values that some layer could not write, or not read back: what the sweeps send everywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def nested(depth: int) -> Any:
    """Lists inside each other."""
    value: Any = "inside"
    for _ in range(depth):
        value = [value]
    return value


TIMES = (
    *("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999Z", "9999-12-30T00:00:00Z"),
    *("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "1900-01-01T00:00:00Z"),
    *("2026-02-30T00:00:00Z", "2026-01-01T00:00:00", "infinity", "-infinity", "253402300800"),
)

NUMBERS = (
    *(0, -1, 1, 2**31, 2**53, 2**62, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**30),
    *(0.5, -0.0, 1e308, 5e-324, 253402300800, -62135596801, 253402300799.9),
)

TEXTS = (
    *("", " ", "a\x00b", "\x00", "\x01\x1f\x7f", "\x85\u2028", "line\n", "\r\n", "\t"),
    *(
        "\u200b",
        "\u202e",
        "\u2800",
        "\ufeff",
        "\ufffe",
        "\ue000",
        "\U0010ffff",
        "e\u0301",
        "🙂" * 40,
    ),
    *("NaN", "Infinity", "1e999", "9" * 400, "null", "true", "[]", "{}", "[[1e999]]", "{"),
    *("' or 1=1 --", "%00%ff", "../../x", "<b>@c.de", "a@<b>.cd", "x" * 300, "é" * 6_000),
    *("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000\n"),
    '[{"a": "\\u0000"}]',
    '[{"name": "' + "x" * 20_000 + '"}]',
    "[" + "{}," * 5_000 + "{}]",
)

SHAPES: tuple[Any, ...] = (
    *(None, True, False, [], {}, [None], [{}], [[]], [""], [{"": None}], {"amount": None}),
    *(nested(5), nested(31), nested(40), [{"a": nested(10)}], {"a": {"b": {"c": {"d": {}}}}}),
    *([0] * 300, [{}] * 300, [{"a": "x" * 900}] * 25, ["x" * 1_100], {"purpose": None}),
    {f"k{number}": number for number in range(200)},
)

# What JSON can say.
ODD = (*TIMES, *NUMBERS, *TEXTS, *SHAPES)

# What only MessagePack can.
ODD_MSGPACK: tuple[Any, ...] = (
    *(float("nan"), float("inf"), -float("inf"), b"", b"\x00\xff", b"x" * 20_000),
    *({None: 1}, {True: 1}, {7: "x"}, {b"a": 1}, [{None: {None: None}}], {"a": {1.5: 1}}),
    *(datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC), [{"a": datetime.now(UTC)}]),
    *([b"x"], [{"a": b"x"}]),
)
