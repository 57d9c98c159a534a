"""Supervision: what keeps every part of the service up, and gives up in good order.

Supervisors with OTP's strategies, pools of actors, scheduled jobs, and the picture of the tree.
"""

from __future__ import annotations

from bountyexpo.supervisors._backoff import Backoff
from bountyexpo.supervisors._child_spec import AutoShutdown, ChildSpec, Restart, Strategy
from bountyexpo.supervisors._errors import ChildRefused, SupervisorFailed
from bountyexpo.supervisors._job import Job, JobStatistics, NotNow
from bountyexpo.supervisors._node import Node
from bountyexpo.supervisors._pool import ActorPool, PoolStatistics
from bountyexpo.supervisors._pool_config import PoolConfig
from bountyexpo.supervisors._restart_window import CrashPolicy, add_restart
from bountyexpo.supervisors._schedule import Cron, Due, Every, Schedule
from bountyexpo.supervisors._supervisor import ChildCounts, Supervisor, SupervisorStatistics

__all__ = [
    "ActorPool",
    "AutoShutdown",
    "Backoff",
    "ChildCounts",
    "ChildRefused",
    "ChildSpec",
    "CrashPolicy",
    "Cron",
    "Due",
    "Every",
    "Job",
    "JobStatistics",
    "Node",
    "NotNow",
    "PoolConfig",
    "PoolStatistics",
    "Restart",
    "Schedule",
    "Strategy",
    "Supervisor",
    "SupervisorFailed",
    "SupervisorStatistics",
    "add_restart",
]
