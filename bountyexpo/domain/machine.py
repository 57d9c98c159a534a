"""One small engine for every state machine of the marketplace.

A machine is a table of rules, and a rule is data: from which states, on which event, by whom, to
which state, under which guards, with which effects and timers. ``Machine.decide`` reads the table
and is total: every state, event and role gives a decision or a named refusal. The same table
draws the pictures in ``docs/machines``, writes the tables of ``docs/rules.md`` and drives the
property tests.

Rules are tried in the order of the table. ``when`` chooses between rules: one that does not apply
is passed over. ``require`` refuses: the first rule that applies is the rule, and what it requires
and does not find is told to the caller. Overlays such as "disputed" or "stale" are facts and not
states; a rule that changes one says so in ``sets``, and the decision carries the facts after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from bountyexpo.errors import BountyExpoError, Conflict, IllegalTransition, NotAllowed, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Role(StrEnum):
    """What the one who acts is to the thing acted on."""

    POSTER = "poster"
    HUNTER = "hunter"
    APPLICANT = "applicant"
    REQUESTER = "requester"
    RESPONDER = "responder"
    OWNER = "owner"
    OTHER = "other"
    ADMIN = "admin"
    # Another machine of ours that passes its own decision on.
    SYSTEM = "system"
    TIMER = "timer"
    # Stripe: its answers and its webhooks.
    PROVIDER = "provider"


class Outcome(StrEnum):
    """What kind of answer a decision is."""

    MOVE = "move"
    # The event was decided before: answer as then, do nothing again.
    REPEAT = "repeat"
    # The event is late or says nothing new.
    IGNORE = "ignore"
    # The event came before what it speaks of: keep it and hand it in again.
    POSTPONE = "postpone"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A named refusal, as the caller hears it.

    ``retry_after`` is in how many seconds it may be otherwise, or the fact that says so.
    """

    message: str
    code: str | None = None
    error: type[BountyExpoError] = Conflict
    retry_after: int | str | None = None

    def raised(self, state: StrEnum | None, facts: msgspec.Struct | None = None) -> BountyExpoError:
        """Return the error to raise; a conflict says the present state."""
        fields: dict[str, Any] = {}
        if state is not None and issubclass(self.error, Conflict):
            fields["currentStatus"] = state.value
        if isinstance(self.retry_after, str):
            fields["retry_after_s"] = getattr(facts, self.retry_after)
        elif self.retry_after is not None:
            fields["retry_after_s"] = self.retry_after
        return self.error(self.message, code=self.code, **fields)


@dataclass(frozen=True, slots=True)
class Guard:
    """A named predicate: the fact is one of these values.

    ``name`` reads on after "when". As a requirement a guard needs its ``refusal``.
    """

    name: str
    fact: str
    values: tuple[Any, ...] = (True,)
    refusal: Refusal | None = None

    def holds(self, facts: msgspec.Struct) -> bool:
        """Tell whether it is so."""
        return getattr(facts, self.fact) in self.values


@dataclass(frozen=True, slots=True)
class Timer:
    """An event that comes by itself: after some seconds, or at the time that a fact names."""

    event: StrEnum
    after_s: int | None = None
    at: str | None = None


S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)
F = TypeVar("F", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Rule(Generic[S, E]):
    """One row of a table; ``row`` is its name in the contract.

    The source None is what does not exist yet, and the target None means that the state stays.
    A rule with a ``refusal`` says no in its own words where the machine's would be too general.
    """

    row: str
    sources: tuple[S | None, ...]
    event: E
    roles: tuple[Role, ...]
    target: S | None = None
    when: tuple[Guard, ...] = ()
    require: tuple[Guard, ...] = ()
    effects: tuple[StrEnum, ...] = ()
    timers: tuple[Timer, ...] = ()
    sets: Mapping[str, Any] = field(default_factory=dict)
    outcome: Outcome = Outcome.MOVE
    refusal: Refusal | None = None

    @property
    def brings_about(self) -> bool:
        """Tell whether this rule can make something happen."""
        return self.outcome is Outcome.MOVE and self.refusal is None

    def applies(self, facts: msgspec.Struct) -> bool:
        """Tell whether this rule is meant for these facts."""
        return all(guard.holds(facts) for guard in self.when)

    def unmet(self, facts: msgspec.Struct) -> Refusal | None:
        """Return why these facts are refused, or None."""
        if self.refusal is not None:
            return self.refusal
        return next((guard.refusal for guard in self.require if not guard.holds(facts)), None)


@dataclass(frozen=True, slots=True)
class Decision(Generic[S, F]):
    """What is to be done: commit ``state`` and ``facts``, carry out ``effects``, start timers."""

    row: str
    source: S | None
    state: S
    facts: F
    outcome: Outcome
    effects: tuple[StrEnum, ...] = ()
    timers: tuple[Timer, ...] = ()

    @property
    def is_move(self) -> bool:
        """Tell whether there is anything to commit."""
        return self.outcome is Outcome.MOVE


@dataclass(frozen=True)
class Machine(Generic[S, E, F]):
    """A table of rules with the words that it refuses in.

    ``sentences`` says, for each event, who may do it; ``conditions`` names the effects that happen
    only where their guard holds on the facts before the step. ``said`` are the facts that only the
    words of a command tell, as whoever knows what to say would tell them.
    """

    name: str
    noun: str
    states: type[S]
    events: type[E]
    roles: tuple[Role, ...]
    facts: type[F]
    rules: Sequence[Rule[S, E]]
    terminal: frozenset[S]
    sentences: Mapping[E, str]
    start: S | None = None
    absent: Refusal = Refusal("This does not exist, or you cannot see it.", error=NotFound)
    conditions: Mapping[Any, Guard] = field(default_factory=dict)
    said: Mapping[str, Any] = field(default_factory=dict)
    _found: dict[tuple[S | None, E, Role], tuple[Rule[S, E], ...]] = field(
        init=False, repr=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Sort the rules by what they answer; a table that says nonsense is a defect."""
        assert set(self.sentences) == set(self.events), self.name
        known = set(self.facts.__struct_fields__)
        assert set(self.said) <= known, self.name
        for rule in self.rules:
            assert {guard.fact for guard in (*rule.when, *rule.require)} <= known, rule
            assert set(rule.sets) <= known, rule
            assert all(guard.refusal for guard in rule.require), rule
            assert rule.target or None not in rule.sources or rule.refusal, rule
            for source in rule.sources:
                for role in rule.roles:
                    key = (source, rule.event, role)
                    self._found[key] = (*self._found.get(key, ()), rule)

    def decide(self, state: S | None, event: E, role: Role, facts: F) -> Decision[S, F]:
        """Return the decision on ``event``.

        Raises:
            NotFound: there is nothing yet that this event could be about.
            NotAllowed: the step exists, but not for this role.
            IllegalTransition: the step does not exist in this state.
            BountyExpoError: what the rule requires is not given; it names what.
        """
        for rule in self.rules_for(state, event, role):
            if not rule.applies(facts):
                continue
            if unmet := rule.unmet(facts):
                raise unmet.raised(state, facts)
            return self._decision(rule, state, facts)
        raise self._refusal(state, event, role, facts)

    def allowed(self, state: S | None, role: Role, facts: F) -> list[str]:
        """Return the names of the events that ``role`` could bring about here and now."""
        return [event.value for event in self.events if self._moves(state, event, role, facts)]

    def well_said(self, facts: F) -> F:
        """Return the facts as they would be if the command said all that any event demands."""
        return msgspec.structs.replace(facts, **self.said)

    def moved_by(self, event: E) -> tuple[S, ...]:
        """Return the states in which ``event`` can bring anything about: who waits for a timer."""
        moving = [rule for rule in self.rules if rule.event is event and rule.brings_about]
        return tuple(s for s in self.states if any(s in rule.sources for rule in moving))

    def is_for(self, event: E, role: Role) -> bool:
        """Tell whether ``role`` may ever do this, in some state."""
        return any(self._may(source, event, role) for source in (None, *self.states))

    def rules_for(self, state: S | None, event: E, role: Role) -> tuple[Rule[S, E], ...]:
        """Return the rules that ``decide`` would try."""
        return self._found.get((state, event, role), ())

    def _moves(self, state: S | None, event: E, role: Role, facts: F) -> bool:
        rule = next((r for r in self.rules_for(state, event, role) if r.applies(facts)), None)
        return rule is not None and rule.outcome is Outcome.MOVE and rule.unmet(facts) is None

    def _decision(self, rule: Rule[S, E], state: S | None, facts: F) -> Decision[S, F]:
        target = rule.target or state
        assert target is not None
        return Decision(
            row=rule.row,
            source=state,
            state=target,
            facts=msgspec.structs.replace(facts, **rule.sets) if rule.sets else facts,
            outcome=rule.outcome,
            effects=tuple(effect for effect in rule.effects if self._happens(effect, facts)),
            timers=rule.timers,
        )

    def _happens(self, effect: StrEnum, facts: F) -> bool:
        condition = self.conditions.get(effect)
        return condition is None or condition.holds(facts)

    def _may(self, state: S | None, event: E, role: Role) -> bool:
        return any(rule.refusal is None for rule in self.rules_for(state, event, role))

    def _refusal(self, state: S | None, event: E, role: Role, facts: F) -> BountyExpoError:
        if not self.is_for(event, role):
            return NotAllowed(self.sentences[event])
        if state is None:
            return self.absent.raised(None)
        is_possible_here = any(self._may(state, event, other) for other in self.roles)
        if is_possible_here and not self._may(state, event, role):
            return NotAllowed(self.sentences[event])
        return IllegalTransition(
            f"This is not possible while the {self.noun} is {state.replace('_', ' ')}.",
            currentStatus=state.value,
            allowed=self.allowed(state, role, self.well_said(facts)),
        )
