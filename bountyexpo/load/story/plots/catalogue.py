"""All stories, by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.load.story.plots.cancellation import CANCELLATION
from bountyexpo.load.story.plots.dispute import DISPUTE
from bountyexpo.load.story.plots.honor import HONOR
from bountyexpo.load.story.plots.revision import REVISION
from bountyexpo.load.story.plots.stale import STALE
from bountyexpo.load.story.plots.work import WORK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.load.story.plot import Plot

PLOTS: Final[Mapping[str, Plot]] = {
    plot.name: plot for plot in (WORK, REVISION, CANCELLATION, DISPUTE, STALE, HONOR)
}
