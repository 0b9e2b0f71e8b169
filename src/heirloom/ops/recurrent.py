"""Layers with a cycle: one row for all their steps, which counts what one step counts for each of them.

The state before the first step is zeros. Its products count, as LeCun counts multiplications by padding:
every step costs the same, whatever the sequence begins with.
"""

from collections.abc import Sequence
from math import prod

from torch import nn

from heirloom.layers import GRU, LSTM, Elman, Recurrent
from heirloom.ops import Attributes, Call, Counts, Kept, Op
from heirloom.ops.receptive_field import Field


def _ours(layer: Recurrent) -> Attributes:
    return {
        "kind": type(layer).__name__.lower(),
        "inputs": layer.inputs,
        "units": layer.units,
        "gates": layer.gates,
        "biases": 1,
        **({"resets": "state"} if isinstance(layer, GRU) else {}),
    }


_THEIRS: dict[type[nn.RNNBase], tuple[str, int]] = {
    nn.RNN: ("elman", 1),
    nn.LSTM: ("lstm", 4),
    nn.GRU: ("gru", 3),
}


def _theirs(layer: nn.RNNBase) -> Attributes:
    kind, gates = next(found for cls, found in _THEIRS.items() if isinstance(layer, cls))
    return {
        "kind": kind,
        "inputs": layer.input_size,
        "units": layer.hidden_size,
        "gates": gates,
        "biases": 2 * layer.bias,
        "layers": layer.num_layers,
        "directions": 1 + layer.bidirectional,
        "projected": layer.proj_size,
        **({"resets": "product"} if kind == "gru" else {}),
        **({"squashing": layer.nonlinearity} if kind == "elman" else {}),
    }


def _elementwise(attrs: Attributes) -> int:
    """Elementwise results of a unit at one step: sums of its two products, then squashing and gating."""
    # A GRU's new state is z h + (1 - z) g, or g + z (h - g).
    mixing = 4 if attrs.get("resets") == "state" else 3
    found: int = {"elman": 1 + 1, "lstm": 4 + 4 + 5, "gru": 3 + 3 + 1 + mixing}[attrs["kind"]]
    return found


def _steps(call: Call) -> int:
    found: int = prod(call.inputs[0]) // call.attrs["inputs"]
    return found


def _count(call: Call) -> Counts:
    a, macs, biases, elementwise = call.attrs, 0, 0, 0
    directions, projected = a.get("directions", 1), a.get("projected", 0)
    handed_on = projected or a["units"]
    for layer in range(a.get("layers", 1)):
        reads = directions * handed_on if layer else a["inputs"]
        outputs = directions * _steps(call) * a["gates"] * a["units"]
        macs += outputs * (reads + handed_on) + directions * _steps(call) * projected * a["units"]
        biases += outputs * a["biases"]
        elementwise += directions * _steps(call) * a["units"] * _elementwise(a)
    return Counts(macs + biases, macs, 2 * macs + biases + elementwise)


def _field(call: Call, fields: Sequence[Field | None]) -> Field | None:
    """The last state has seen everything. The states of all steps, which PyTorch gives, have not."""
    seen = fields[0]
    if seen is None or "layers" in call.attrs:
        return None
    return seen.with_axes([axis._replace(dim=1) for axis in seen.collapsed().axes])


def _formulas(call: Call) -> dict[str, str]:
    a = call.attrs
    if "layers" in a:
        return {}
    per_unit = f"({a['inputs']} + {a['units']} + 1)"
    units = f"{a['gates']} x {a['units']}" if a["gates"] > 1 else f"{a['units']}"
    return {
        "parameters": f"{units} x {per_unit}",
        "connections": f"{_steps(call)} x {units} x {per_unit}",
        "macs": f"{_steps(call)} x {units} x ({a['inputs']} + {a['units']})",
    }


_KEPT = {"elman": 1, "lstm": 7, "gru": 6}
"""Numbers that a unit keeps at each step for the way back."""


def _keeps(call: Call) -> Kept:
    """What it reads, and for each step the gates, what they let through, and the state."""
    a = call.attrs
    units = a["units"] * a.get("layers", 1) * a.get("directions", 1)
    return Kept(inputs=True, bytes_per_image=4 * _steps(call) * units * _KEPT[a["kind"]])


OPS = (
    Op(
        "recurrent",
        _count,
        _field,
        modules={Elman: _ours, LSTM: _ours, GRU: _ours, **dict.fromkeys(_THEIRS, _theirs)},
        formulas=_formulas,
        keeps=_keeps,
    ),
)
