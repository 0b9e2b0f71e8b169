"""A network that hardly computes, for workload ``loading``: its batches are what the peer's loader makes."""

from torch import nn

from benchmarks.settings import SIDE


class Least(nn.Sequential):
    """The mean of each colour, and one layer."""

    input_size = (3, SIDE, SIDE)

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_classes))
