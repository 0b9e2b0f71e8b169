"""The initial weights of LeCun's networks, 1989 to 1998."""

import torch
from torch import Tensor, nn

from heirloom.layers import Subsampling, TableConv2d


@torch.no_grad()
def uniform_by_fan_in_(net: nn.Module) -> None:
    """Draw weights and biases of each unit from U(-2.4/sqrt(F), 2.4/sqrt(F)), F its inputs but the bias.

    A unit of a subsampling layer has the four inputs of its window.

    Source: LeCun et al. 1989, section 3.2 and LeCun et al. 1998, appendix A.
    Departs: the papers print 2.4/F, without the root. Such weights leave the deeper units near zero, and
    the second-order method of 1998 then finds no curvature: its rates start at the upper end, 0.025, in
    nearly all layers, while the paper reports 0.00007 to 0.016, and its first pass diverges. With the root
    the rates spread as reported and it learns. So does a reproduction of the paper of 1989 by others.
    """
    for layer in net.modules():
        if isinstance(layer, TableConv2d):
            fan_in = layer.fan_in()
            _uniform_(layer.weight, 2.4 / fan_in.sqrt())
            per_map = fan_in.new_tensor([len(maps) * layer.kernel**2 for maps in layer.table])
            _uniform_(layer.bias, 2.4 / per_map.sqrt().view(-1, 1, 1))
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            bound = torch.tensor(2.4 / layer.weight[0].numel() ** 0.5)
            _uniform_(layer.weight, bound)
            if layer.bias is not None:
                _uniform_(layer.bias, bound)
        elif isinstance(layer, Subsampling):
            bound = torch.tensor(2.4 / layer.window)
            _uniform_(layer.coefficient, bound)
            _uniform_(layer.bias, bound)


def _uniform_(parameter: Tensor, bound: Tensor) -> None:
    parameter.uniform_(-1.0, 1.0).mul_(bound)
