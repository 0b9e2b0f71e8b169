"""Caffe's networks, by the names of their prototxts.

Source: BVLC/caffe 9b89154, examples/mnist and models/; its model zoo's NIN-ImageNet and VGG_ILSVRC_16/19;
forresti/SqueezeNet, SqueezeNet_v1.0 and v1.1; songhan/SqueezeNet-Deep-Compression.
"""

from typing import Any

from heirloom.foreign.publisher import Publisher, Rules, Tensors

_ALEXNET = ((r"(conv[1-5]|fc[678])", r"\1"),)

_VGG = ((r"(conv[1-5]_[1-4]|fc[678])", r"\1"),)

_GOOGLENET = (
    (r"conv1/7x7_s2", "conv1"),
    (r"conv2/3x3_reduce", "conv2_reduce"),
    (r"conv2/3x3", "conv2"),
    (r"inception_(\d[a-e])/(1x1|3x3_reduce|3x3|5x5_reduce|5x5)", r"inception_\1.b\2"),
    (r"inception_(\d[a-e])/pool_proj", r"inception_\1.pool_proj"),
    (r"loss([12])/(conv|fc|classifier)", r"aux\1.\2"),
    (r"loss3/classifier", "classifier"),
)

_SQUEEZENET = (
    (r"(conv1|conv10)", r"\1"),
    (r"fire([2-9])/squeeze1x1", r"fire\1.squeeze"),
    (r"fire([2-9])/(expand1x1|expand3x3)", r"fire\1.\2"),
    # The authors' file of Deep Compression names the same layers differently.
    (r"conv_final", "conv10"),
    (r"fire([2-9])/conv1x1_1", r"fire\1.squeeze"),
    (r"fire([2-9])/conv1x1_2", r"fire\1.expand1x1"),
    (r"fire([2-9])/conv3x3_2", r"fire\1.expand3x3"),
)

_RULES: dict[str, Rules] = {
    "lenet_caffe": ((r"(conv[12]|ip[12])", r"\1"),),
    "alexnet_caffe": _ALEXNET,
    "caffenet": _ALEXNET,
    "vgg16": _VGG,
    "vgg19": _VGG,
    "nin_cifar": ((r"(conv[123]|cccp[1-6])", r"\1"),),
    "nin_imagenet": ((r"(conv[123]|cccp[1-6])", r"\1"), (r"(conv4|cccp7|cccp8)-1024", r"\1")),
    "googlenet": _GOOGLENET,
    "squeezenet1_0": _SQUEEZENET,
    "squeezenet1_1": _SQUEEZENET,
}


def _arguments(model: str, tensors: Tensors) -> dict[str, Any]:
    """The authors' SqueezeNet pads its last convolution; a deployed GoogLeNet may have no auxiliary heads."""
    if model == "googlenet":
        return {"aux": any(name.startswith("loss1/") for name in tensors)}
    return {"source": "authors"} if model in ("squeezenet1_0", "squeezenet1_1") else {}


CAFFE = Publisher(
    "caffe",
    "BVLC/caffe and its model zoo",
    _RULES,
    {
        "lenet_caffe": "lenet-caffe",
        "alexnet_caffe": "caffe",
        "caffenet": "caffe",
        "vgg16": "vgg-caffe",
        "vgg19": "vgg-caffe",
        "nin_imagenet": "caffe",
        "googlenet": "caffe",
        "squeezenet1_0": "caffe",
        "squeezenet1_1": "caffe",
    },
    kinds=("caffemodel", "npz"),
    arguments=_arguments,
    binding=frozenset({"source"}),
    optional=r"aux[12](\..*)?",
    notes={
        "alexnet_caffe": "It was trained less a mean image: --mean-image gives it in place of three means.",
        "caffenet": "It was trained less a mean image: --mean-image gives it in place of three means.",
    },
)
