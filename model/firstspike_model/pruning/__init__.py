"""Pruning: optimisers that prune while they train, budgets, and schedules of their settings."""

from .budget import allowed, check_budget, cut_to_budget, layer_budgets
from .gradr import GradR, NesterovGradR
from .magnitude import NesterovMagnitude
from .rewiring import Rewiring
from .schedule import SCHEDULES, schedule
from .stds import STDS, NesterovSTDS

__all__ = [
    "SCHEDULES",
    "STDS",
    "GradR",
    "NesterovGradR",
    "NesterovMagnitude",
    "NesterovSTDS",
    "Rewiring",
    "allowed",
    "check_budget",
    "cut_to_budget",
    "layer_budgets",
    "schedule",
]
