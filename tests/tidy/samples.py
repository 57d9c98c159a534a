"""For each check what it must see, and what it must pass."""

from __future__ import annotations

DEEP = "def f():\n if 1:\n  for x in y:\n   while 1:\n    try:\n     pass\n    finally:\n     z"
CLOSED_MATCH = "match x:\n case A(): y\n case B.c: z\n"
OPEN_MATCH = "match x:\n case {'a': 1}: y\n case 'b': z\n"
A, B, C = "bountyexpo/a.py", "bountyexpo/b.py", "bountyexpo/c.py"

# A check, and the files in which it must find something.
BAD: list[tuple[str, dict[str, str]]] = [
    ("file_length", {"tests/a.py": "x = 1\n" * 401}),
    ("folder_size", {f"tests/a/b{number}.py": "" for number in range(17)}),
    ("mirrors", {"tests/unit/shop/test_a.py": "", "bountyexpo/domain/shop/a.py": ""}),
    ("line_length", {"bench/a.py": "x = '" + "y" * 100 + "'"}),
    ("function_length", {A: "async def f():\n" + "    x\n" * 70}),
    ("parameters", {A: "def f(self, a, b, c, d, *, e, f, g, h): ..."}),
    ("nesting", {A: DEEP}),
    ("layers", {"bountyexpo/domain/a.py": "import bountyexpo.persistence.pool"}),
    ("layers", {"bountyexpo/http/a.py": "from bountyexpo.persistence.pool import Pool"}),
    ("layers", {"bountyexpo/http/a.py": "from bountyexpo import persistence"}),
    ("layers", {"bountyexpo/runtime/a.py": "def f():\n from bountyexpo.domain import money"}),
    ("layers", {"bountyexpo/ws/a.py": "from bountyexpo.sandbox.auth import Auth"}),
    ("layers", {"bountyexpo/ws/a.py": "from bountyexpo.runtime._mailbox import Mailbox"}),
    ("layers", {"bountyexpo/domain/a.py": "if TYPE_CHECKING:\n import bountyexpo.http.app"}),
    ("layers", {"bountyexpo/new_layer/a.py": "import bountyexpo.persistence.pool"}),
    ("areas", {"bountyexpo/actors/chat/a.py": "import bountyexpo.domain.market.bounty"}),
    (
        "areas",
        {"bountyexpo/actors/users/a.py": "if TYPE_CHECKING:\n import bountyexpo.actors.risk.b"},
    ),
    ("areas", {"bountyexpo/persistence/a.py": "from bountyexpo.persistence import money"}),
    ("areas", {"bountyexpo/ws/v1/a.py": "from bountyexpo.persistence.chat.b import c"}),
    ("circles", {A: "import bountyexpo.b", B: "import bountyexpo.a"}),
    ("circles", {A: "import bountyexpo.b", B: "if TYPE_CHECKING:\n from bountyexpo.a import A"}),
    ("circles", {A: "import bountyexpo.b", B: "import bountyexpo.c", C: "import bountyexpo.a"}),
    ("dead_names", {A: "def f(): f()"}),
    ("dead_names", {A: "LIMIT = 3", "tests/a.py": "from bountyexpo.a import LIMIT\nLIMIT"}),
    ("dead_names", {A: "class A:\n def f(self): ...", B: "from bountyexpo.a import A\nA()"}),
    ("dead_names", {A: "def f(): ...", B: "from bountyexpo.a import f"}),
    ("dead_names", {A: "class A:\n @property\n def f(self): ...\nA()"}),
    ("bare_except", {"tests/a.py": "try:\n    x\nexcept:\n    y"}),
    ("prints", {"bountyexpo/load/a.py": "print('x')"}),
    ("time_and_chance", {A: "import time\ntime.time()"}),
    ("time_and_chance", {A: "from uuid import uuid4"}),
    ("time_and_chance", {A: "x = datetime.now(UTC)"}),
    ("time_and_chance", {A: "random.random()"}),
    ("unfinished", {"bench/a.py": "x = 1  # \x54ODO: finish"}),
    ("nurseries", {"bountyexpo/actors/a.py": "async with trio.open_nursery() as nursery: ..."}),
    ("close_codes", {"bountyexpo/ws/a.py": "socket.close(4410)"}),
    ("event_names", {"bountyexpo/realtime/a.py": "hub.watch('message.new')"}),
    ("event_names", {"bountyexpo/persistence/a.py": "A = \"where type = 'message.edited'\""}),
    ("event_names", {"bountyexpo/domain/chat/more_events.py": "A = 'typing.stop'"}),
    ("open_matches", {A: CLOSED_MATCH}),
    ("open_matches", {A: OPEN_MATCH}),
    ("open_matches", {A: CLOSED_MATCH + " case _ if a: raise B"}),
    ("open_matches", {A: CLOSED_MATCH + " case _: pass"}),
    ("open_matches", {A: CLOSED_MATCH + " case d: return d"}),
    ("docstrings", {A: "x = 1"}),
    ("docstrings", {A: '"""A."""\nclass B: ...'}),
    ("docstrings", {A: '"""A."""\ndef b(): raise C'}),
    ("docstrings", {A: '"""A."""\nclass B:\n "B."\n def c(self):\n' + "  x\n" * 20}),
    ("names", {"bountyexpo/text_utils.py": ""}),
    ("names", {A: "class PoolManager: ..."}),
    ("dialect", {A: "_doubts = 1"}),
    ("dialect", {A: "class SessionParking: ..."}),
    ("dialect", {"docs/a.md": "The second door."}),
    ("gender", {"tests/a.py": "# He is here."}),
    ("gender", {"docs/a.md": "his and hers"}),
]

# Files in which no check may find anything.
GOOD: dict[str, str] = {
    "bountyexpo/actors/market/part.py": '''"""A module."""
from typing import TYPE_CHECKING
from bountyexpo.errors import NotFound
from bountyexpo.domain.ids import new_id
from bountyexpo.actors.money import wallet
from bountyexpo.supervisors import Supervisor
if TYPE_CHECKING:
    from bountyexpo.domain.users.name import Name
    from bountyexpo.actors.market.other import Other
class _Part:
    """A part."""
    def __init__(self, a, b): ...
    def call(self): return self.call
    @routes.get("/")
    def registered(self): ...
    def on_url(self): ...
    def shown(self): ...
def find():
    match _Part():
        case _Part(a=1) | None: return 1
        case Kind.ONE: return 2
        case _: assert_never(_)
    match {}:
        case {"type": kind}: return kind
        case _: return _Part().call()
if __name__ == "__main__":
    find()
''',
    "tests/unit/actors/market/test_part.py": "",
    "bountyexpo/actors/market/other.py": '"""Another."""',
    "bountyexpo/actors/money/wallet.py": '"""A wallet on the floor."""',
    "bountyexpo/http/templates/part.html": "<p>{{ part.shown }} on the floor, indoors</p>",
}
