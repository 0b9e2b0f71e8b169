"""A model without its numbers: for a while, shapes stand in the place of its parameters and buffers."""

import contextlib
from collections.abc import Iterator

from torch import Tensor, nn


@contextlib.contextmanager
def shapes_only(model: nn.Module) -> Iterator[dict[int, Tensor]]:
    """Put ``model`` in evaluation mode, with tensors of the meta device for all parameters and buffers.

    A forward may keep a state or mask its weights in place: afterwards all is as it was before.

    Yields:
        The stand-ins by the identity of what they replace; empty for a model that has no numbers anyway.
    """
    modules = list(model.modules())
    before = [(m, dict(vars(m)), dict(m._parameters), dict(m._buffers)) for m in modules]
    stand_ins = {
        id(t): _stand_in(t)
        for m in modules
        for t in (*m._parameters.values(), *m._buffers.values())
        if t is not None and not t.is_meta
    }
    try:
        for module in modules if stand_ins else ():
            for stored in (module._parameters, module._buffers):
                for name, tensor in stored.items():
                    stored[name] = stand_ins.get(id(tensor), tensor)  # type: ignore[assignment]
        _evaluate(model, modules)
        yield stand_ins
    finally:
        for module, attributes, parameters, buffers in before:
            for content, found in (
                (attributes, vars(module)),
                (parameters, attributes["_parameters"]),
                (buffers, attributes["_buffers"]),
            ):
                found.clear()
                found.update(content)


def _evaluate(model: nn.Module, modules: list[nn.Module]) -> None:
    """``model.eval()``, which takes its time, put shortly where no module does it in its own way."""
    if all(getattr(way, "__func__", None) in _USUAL for way in (model.eval, *[m.train for m in modules])):
        for module in modules:
            vars(module)["training"] = False
    else:
        model.eval()


_USUAL = (nn.Module.train, nn.Module.eval)


def _stand_in(tensor: Tensor) -> Tensor:
    shape = tensor.detach().to("meta")
    return nn.Parameter(shape, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else shape
