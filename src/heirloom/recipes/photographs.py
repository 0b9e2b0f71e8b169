"""The general recipe for photographs of one's own, learned from nothing.

Source: none; ours. Nesterov's momentum at a rate of 0.01, which networks with and without batch
normalisation stand, risen to and fallen from in one cycle; crops and mirroring of photographs; the weight
decay of VGG. Grey values are centred by numbers that suit photographs, grey or in colour: so training begins
while the photographs are still being decoded.
Departs: the recipes of papers, which are for a million photographs; one of a paper is taken for a folder by
``heirloom train RECIPE --data FOLDER``. AlexNet's small first weights want its own: `alexnet_imagenet`.
"""

from heirloom.models import MODELS, create_model
from heirloom.recipes.recipe import Recipe

SMALLEST = 64
"""Pixels of a side from which a network's input is one for photographs: others read characters, or CIFAR."""


def photographs(model: str, data: str) -> Recipe:
    """The recipe of a network of that name for photographs below a path."""
    return Recipe(
        model=model,
        data=data,
        epochs=30,
        batch_size=32,
        optimizer="nesterov",
        lr=0.01,
        weight_decay=5e-4,
        schedule="one_cycle",
        augment="crop_mirror",
        mean=0.45,
        std=0.225,
    )


def reads_photographs(model: str) -> bool:
    """Whether a published network takes images in colour that are large enough for photographs."""
    if model not in MODELS:
        return False
    import torch  # only where a folder is named: listing the recipes is quick

    with torch.device("meta"):
        size = getattr(create_model(model), "input_size", (0, 0, 0))
    return bool(size[0] == 3 and min(size[1:]) >= SMALLEST)
