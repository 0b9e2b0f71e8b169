"""Pictures of what a network is, what it learned and how it errs, one file per kind.

The report shows them as parts that follow the page's theme; a file stands alone, light or dark, with its
title, its description and its labels in it. Equal numbers give equal bytes.

What the command ``draw`` can draw on its own is named here, without importing anything.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A picture that can be asked for.

    Attributes:
        says: What it shows, in half a line.
        made_by: "module:function" below this package; the function makes a `picture.Picture` of an `Asked`.
        uses: Of what else can be given: ``data``, ``image``, ``layers``, ``unit``, ``scale``, ``class``. The
            rest is refused.
        several: Whether it shows several networks together.
    """

    says: str
    made_by: str
    uses: tuple[str, ...] = ()
    several: bool = False


PICTURES = {
    "diagram": Kind("the architecture", "diagram:picture"),
    "shares": Kind("parameters against operations, layer by layer", "shares:picture"),
    "connections": Kind("which maps a convolution reads", "connections:picture", ("layers",)),
    "receptive-field": Kind(
        "what a unit sees of the image", "receptive:picture", ("image", "layers", "unit")
    ),
    "augmentation": Kind("what a recipe makes of a training image", "augmented:picture", ("data", "image")),
    "gradients": Kind(
        "how a gradient vanishes on its way back through time", "gradients:picture", ("data",), several=True
    ),
    "unfold": Kind("a cycle, and the chain that it is when it is unfolded", "unfolding:picture"),
    "filters": Kind("the filters of the first layer, or of another", "kernels:picture", ("layers",)),
    "activations": Kind(
        "the maps of each layer for an image", "activations:picture", ("data", "image", "layers", "scale")
    ),
    "similarity": Kind("which filters of a layer are nearly the same", "similarity:picture", ("layers",)),
    "top-patches": Kind(
        "the patches of a data set that excite a map most", "patches:picture", ("data", "layers", "unit")
    ),
    "saliency": Kind(
        "which part of an image speaks for a class", "saliency:picture", ("data", "image", "layers", "class")
    ),
    "film": Kind("the filters of the first layer while a network learned", "film:picture"),
    "invariance": Kind(
        "what is still recognised when an image is turned, scaled, shifted or spoilt",
        "invariance:picture",
        ("data", "image"),
    ),
    "codes": Kind(
        "the fixed codes of the classes beside what their images call forth", "codes:picture", ("data",)
    ),
    "curves": Kind("loss and accuracy of a run over its epochs", "finished:curves"),
    "confusion": Kind("which classes a run takes for which", "finished:confusion"),
    "mistakes": Kind("the images that a run got most wrong", "finished:mistakes"),
    "reconstructions": Kind("images beside what an autoencoder made of them", "finished:reconstructions"),
    "calibration": Kind("how often answers of a certain probability are right", "finished:calibration"),
    "compare": Kind(
        "which images two runs answer right, and which one alone", "compared:picture", several=True
    ),
}
