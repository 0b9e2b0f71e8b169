"""The moving average of a network's weights, often better than the last ones."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class MovingAverage:
    """Exponential moving average of all numbers of a network, those of batch normalisation among them.

    ``average = decay average + (1 - decay) weights`` after each update, beginning with the weights that
    training begins with. While fewer than ``1 / (1 - decay)`` updates are done, the decay is that of a
    plain mean, ``t / (t + 1)``, so that the first weights do not linger.

    Source: Polyak, Juditsky 1992, "Acceleration of stochastic approximation by averaging".
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay = model, decay
        self.tensors = {name: tensor.detach().clone() for name, tensor in self._live().items()}

    def _live(self) -> dict[str, Tensor]:
        return {n: t.detach() for n, t in self.model.state_dict().items() if t.is_floating_point()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take up the weights after update number ``step``, the first being 1."""
        weight = max(1 - self.decay, 1 / (step + 1))
        torch._foreach_lerp_(list(self.tensors.values()), list(self._live().values()), weight)

    @contextlib.contextmanager
    def swapped_in(self) -> Iterator[None]:
        """The network has the average for its weights meanwhile."""
        live = self._live()
        kept = {name: tensor.clone() for name, tensor in live.items()}
        for name, tensor in live.items():
            tensor.copy_(self.tensors[name])
        try:
            yield
        finally:
            for name, tensor in live.items():
                tensor.copy_(kept[name])
