"""The tasks that a network can learn: what it is asked for, its loss, and what is measured of it.

Everything that differs between them is decided here; training, evaluation and the rest ask the task.
"""

from heirloom.tasks.classify import Classify
from heirloom.tasks.reconstruct import Reconstruct
from heirloom.tasks.task import Found, Task
from heirloom.weights import Card

__all__ = ["TASKS", "Found", "Task", "task_of"]

TASKS: dict[str, Task] = {"classify": Classify(), "reconstruct": Reconstruct()}
"""By the name that a recipe says."""


def task_of(card: Card) -> Task:
    """What a network with weights has learned: one without classes gives its input back."""
    return TASKS["classify" if card.classes else "reconstruct"]
