"""Diagonal second derivatives of a loss by one backward pass on squares.

Source: LeCun, Bottou, Bengio, Haffner 1998, appendix C, equations 19 to 26; Becker, LeCun 1989,
"Improving the convergence of back-propagation learning with second order methods".
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from heirloom.errors import HeirloomError
from heirloom.layers import RBF, Chain, ScaledTanh, Subsampling, TableConv2d

AFFINE = (nn.Linear, nn.Conv2d, TableConv2d, Subsampling)
ELEMENTWISE = (ScaledTanh, nn.Tanh, nn.ReLU, nn.Identity)
RESHAPES = (nn.Flatten,)


def curvature(
    chain: nn.Sequential, loss: Callable[[Tensor, Tensor], Tensor], images: Tensor, labels: Tensor
) -> dict[str, Tensor]:
    """Estimate ``d2 loss / d parameter2`` of every parameter, as the second-order method of 1998 does.

    Backwards through the layers runs ``h``, the second derivative by each value that passes there. A
    unit's sum ``a = sum w x + b`` hands on ``w^2 h`` to its inputs and ``x^2 h`` to its weights: what the
    same layer does in an ordinary backward pass if inputs and parameters are squared before. Weights
    that several connections share get the sum over these connections, terms between two connections
    being left out. A squashing function hands on ``f'^2 h``: the term with ``f''`` is left out too
    (Levenberg-Marquardt), so nothing is negative.

    Radial basis functions are taken as part of the loss, whose second derivatives are exact.

    Args:
        chain: Layers in a row: affine, elementwise, `Flatten`, and `RBF` as the last.
        loss: One of `heirloom.losses`, a mean over the batch.
        images: (B, C, H, W) input of the network.
        labels: (B,) true classes.

    Returns:
        For each parameter's name a tensor of its size, means over the batch, none below 0.

    Raises:
        HeirloomError: As `check_chain`.
    """
    check_chain(chain)
    layers = list(chain._modules.items())
    tail = layers.pop()[1] if isinstance(layers[-1][1], RBF) else nn.Identity()
    with torch.no_grad():
        inputs = [images]
        for _, layer in layers:
            inputs.append(layer(inputs[-1]))
    h = _of_loss(lambda x: loss(tail(x), labels), inputs[-1])
    found: dict[str, Tensor] = {}
    for (name, layer), x in zip(reversed(layers), reversed(inputs[:-1]), strict=True):
        if isinstance(layer, AFFINE):
            squares: dict[str, Any] = {
                key: parameter.detach().square().requires_grad_()
                for key, parameter in layer.named_parameters()
            }
            x = x.square().requires_grad_()
            out = functional_call(layer, squares, (x,))
            h, *per_parameter = torch.autograd.grad(out, [x, *squares.values()], h)
            found |= {f"{name}.{key}": value for key, value in zip(squares, per_parameter, strict=True)}
        elif isinstance(layer, RESHAPES):
            h = h.view_as(x)
        else:
            x = x.detach().requires_grad_()
            (slope,) = torch.autograd.grad(layer(x).sum(), x)
            h = slope.square() * h
    return found


def check_chain(model: nn.Module) -> None:
    """Raise `HeirloomError` (``E-recipe``) unless `curvature` has a rule for every layer of ``model``."""
    plain = isinstance(model, nn.Sequential) and type(model).forward in (nn.Sequential.forward, Chain.forward)
    layers = list(model._modules.items()) if plain else [("forward", model)]
    if len(layers) > 1 and isinstance(layers[-1][1], RBF):
        layers.pop()
    for name, layer in layers:
        padded = isinstance(layer, TableConv2d) and layer.padding_value not in (0.0, 1.0)
        in_place = getattr(layer, "inplace", False)
        if not isinstance(layer, (*AFFINE, *ELEMENTWISE, *RESHAPES)) or padded or in_place:
            raise HeirloomError(
                "E-recipe",
                "optimizer=sdlm",
                where=name,
                why=f"it has no rule for {type(layer).__name__}{' in place' if in_place else ''}",
                remedy="take sgd or adam",
            )


def _of_loss(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Second derivative of ``function`` by each element of ``x`` (B, D), rows being independent."""
    x = x.detach().requires_grad_()
    (first,) = torch.autograd.grad(function(x), x, create_graph=True)
    if not first.requires_grad:  # a loss that is linear in the scores
        return torch.zeros_like(x)
    columns = [
        torch.autograd.grad(first[:, j].sum(), x, retain_graph=True)[0][:, j] for j in range(x.shape[1])
    ]
    return torch.stack(columns, dim=1).clamp_min(0)  # rounding leaves some just below
