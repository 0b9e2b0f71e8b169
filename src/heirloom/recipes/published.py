"""The result that a recipe has to stand beside."""

from dataclasses import dataclass

from heirloom.measures import measure_of


@dataclass(frozen=True)
class Published:
    """A printed accuracy, or a printed error.

    Attributes:
        value: Share of right answers, 0 to 1; or mean squared difference of grey values of 0 to 1.
        source: Where it is printed.
        metric: What was measured, with its protocol: figures compare only where these agree.
        verified: False if the figure came to us second hand.
    """

    value: float
    source: str
    metric: str = "top1@test:center"
    verified: bool = True

    @property
    def text(self) -> str:
        """It as the measure of its metric says it: ``99.05 %``, ``0.003827``."""
        return measure_of(self.metric).text(self.value)
