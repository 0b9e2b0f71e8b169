"""What is known of one publisher's networks: the names of layers, the variant, the preprocessing."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

Rules = Sequence[tuple[str, str]]
"""(pattern, ours): a regular expression for the whole name of a layer, and the name of ours, with ``\\1``."""

Tensors = Mapping[str, Tensor]


def _none(model: str, tensors: Tensors) -> dict[str, Any]:
    return {}


def _as_they_are(model: str, tensors: Tensors, arguments: Mapping[str, Any]) -> dict[str, Tensor]:
    return dict(tensors)


@dataclass(frozen=True)
class Publisher:
    """A source of weights.

    Attributes:
        name: What the command line calls it.
        origin: Where its names and variants are documented.
        rules: Network -> its layers, theirs and ours. An empty mapping: every network, names as ours.
        kinds: Formats of its files, of `ForeignFile`.
        preprocess: Network -> a name of `heirloom.data.preprocessing.KNOWN`.
        arguments: The arguments of our network that make it theirs, from its name and the tensors.
        binding: Those that nobody may give another value: the scores would be wrong.
        convert: Their tensors in our layout, under their names.
        optional: Pattern of our layers that a network may be built without: theirs are then set aside.
        notes: Network -> what a user must know.
    """

    name: str
    origin: str
    rules: Mapping[str, Rules]
    preprocess: Mapping[str, str]
    kinds: Sequence[str] = ("pytorch", "safetensors")
    arguments: Callable[[str, Tensors], dict[str, Any]] = _none
    binding: frozenset[str] = frozenset()
    convert: Callable[[str, Tensors, Mapping[str, Any]], dict[str, Tensor]] = _as_they_are
    optional: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)

    def knows(self, model: str) -> bool:
        """Whether it has published this network, as far as we know."""
        return not self.rules or model in self.rules

    def layers_of(self, model: str) -> Callable[[str], str | None]:
        """A function from their name of a layer to ours; None where there is none."""
        if not self.rules:
            return lambda layer: layer
        rules = [(re.compile(pattern), ours) for pattern, ours in self.rules[model]]

        def ours(layer: str) -> str | None:
            for pattern, name in rules:
                found = pattern.fullmatch(layer)
                if found:
                    return found.expand(name)
            return None

        return ours


OURSELVES = Publisher("heirloom", "the network's own names", {}, {})
"""State dicts of our networks that another program has stored."""
