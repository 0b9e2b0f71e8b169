"""The initial weights of LeCun's networks, 1989 to 1998, of the AlexNets, and of DeepFace."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from heirloom.layers import LocallyConnected2d, Subsampling, TableConv2d


@torch.no_grad()
def uniform_by_fan_in_(net: nn.Module, reach: float = 1.0) -> None:
    """Draw weights and biases of each unit from U(-r/sqrt(F), r/sqrt(F)), F its inputs without the bias.

    A unit of a subsampling layer has the four inputs of its window.

    Args:
        net: Its convolutions, linear and subsampling layers are drawn.
        reach: r.

    Source: LeCun et al. 1989, section 3.2 and LeCun et al. 1998, appendix A; with r = 1 EBLearn, the later
    library of the same group, whose demonstrations of LeNet-5 and of its second-order method start so.
    Departs: the papers print 2.4/F, without the root. So small weights leave the deeper units near zero,
    where the second-order method of 1998 finds no curvature: its rates begin at their upper end in
    nearly all layers, where the paper reports 0.00007 to 0.016, and in our hands its first pass diverges.
    """
    for layer in net.modules():
        if isinstance(layer, TableConv2d):
            fan_in = layer.fan_in()
            _uniform_(layer.weight, reach / fan_in.sqrt())
            per_map = fan_in.new_tensor([len(maps) * layer.kernel**2 for maps in layer.table])
            _uniform_(layer.bias, reach / per_map.sqrt().view(-1, 1, 1))
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            bound = torch.tensor(reach / layer.weight[0].numel() ** 0.5)
            _uniform_(layer.weight, bound)
            if layer.bias is not None:
                _uniform_(layer.bias, bound)
        elif isinstance(layer, Subsampling):
            bound = torch.tensor(reach / layer.window)
            _uniform_(layer.coefficient, bound)
            _uniform_(layer.bias, bound)


def _uniform_(parameter: Tensor, bound: Tensor) -> None:
    parameter.uniform_(-1.0, 1.0).mul_(bound)


def normal_(
    net: nn.Module, *, std: float, other: Mapping[str, float] | None = None, bias: Mapping[str, float]
) -> None:
    """Draw weights of convolutions, locally connected and linear layers from N(0, std^2), set their biases.

    Args:
        net: Its own layers are drawn, not those of its parts.
        std: Standard deviation.
        other: Name of a layer -> a standard deviation of its own.
        bias: Name of a layer -> its biases; 0 where it is not named.

    Source: Krizhevsky et al. 2012, section 5; Caffe's "gaussian" and "constant".
    """
    for name, layer in net.named_children():
        if isinstance(layer, nn.Conv2d | nn.Linear | LocallyConnected2d):
            nn.init.normal_(layer.weight, std=(other or {}).get(name, std))
            if layer.bias is not None:
                nn.init.constant_(layer.bias, bias.get(name, 0.0))
