"""Autoencoders: networks that learn, without labels, to give back the image that they are given.

None has classes: each returns an image of the input's shape, on the input's scale. Logistic units at the end
keep it between 0 and 1, so that grey values go in as they are, without a mean and a deviation.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from heirloom.claim import Claim
from heirloom.errors import HeirloomError, check_choice
from heirloom.layers import Chain, Conv2d, MaskingNoise, MaxPool2d, WithPenalty, check_input

SIDE = 28
"""Of the images, in pixels."""


def _counted(name: str, value: object) -> int:
    if type(value) is not int or value < 1:
        raise HeirloomError("E-argument", f"{name} is {value!r}", remedy="give whole numbers, 1 or more")
    return value


def _glorot_(net: nn.Module, gain: float) -> None:
    """Draw weights from U(-g b, g b), b = sqrt(6 / (inputs + outputs)), and set biases to 0.

    Source: Glorot, Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks",
    equation 16, for tanh (gain 1). Four times that for logistic units, whose slope at 0 is a quarter.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, gain)
            nn.init.zeros_(layer.bias)


def _encoder(pixels: int, hidden: Sequence[int], code: int, activation: str) -> dict[str, nn.Module]:
    """Fully connected layers ``enc1``, ``enc2``, ... of ``hidden`` units, and the linear ``code``."""
    found: dict[str, nn.Module] = {}
    before = pixels
    for number, units in enumerate(hidden, 1):
        found[f"enc{number}"] = nn.Linear(before, units)
        if activation == "logistic":
            found[f"enc{number}_squash"] = nn.Sigmoid()
        before = units
    return found | {"code": nn.Linear(before, code)}


def _decoder(pixels: int, hidden: Sequence[int], code: int, activation: str) -> dict[str, nn.Module]:
    """The mirror image: ``dec2``, ``dec1`` where there are two hidden layers, and ``output``."""
    found: dict[str, nn.Module] = {}
    before = code
    for number, units in [*reversed(list(enumerate(hidden, 1))), (0, pixels)]:
        name = f"dec{number}" if number else "output"
        found[name] = nn.Linear(before, units)
        if activation == "logistic":
            found[f"{name}_squash"] = nn.Sigmoid()
        before = units
    return found


class Autoencoder(Chain):
    """Hinton's and Salakhutdinov's deep autoencoder: 784 pixels through 30 numbers and back.

    Source: Hinton, Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks", Science
    313: 784-1000-500-250-30, logistic units, a linear code, the decoder the encoder's mirror image.
    Departs: theirs was pretrained layer by layer as restricted Boltzmann machines; ours begins with weights
    after Glorot and Bengio 2010. Decoder and encoder have weights of their own from the start; theirs had
    the same before they were tuned together.

    Args:
        in_chans: Channels of the image.
        code: Numbers that an image has to pass through.
        hidden: Units of the layers before the code; ``[]`` for one layer in and one out.
        activation: ``logistic``, or ``linear`` for no squashing at all: the best that a linear one can do is
            what principal components do (Baldi, Hornik 1989).

    Shape: input (B, in_chans, 28, 28); output the same.

    Raises:
        HeirloomError: (``E-argument``) Something is none of these.
    """

    def __init__(
        self,
        in_chans: int = 1,
        code: int = 30,
        hidden: Sequence[int] = (1000, 500, 250),
        activation: str = "logistic",
    ) -> None:
        check_choice("activation", activation, ("logistic", "linear"))
        if not isinstance(hidden, list | tuple):
            raise HeirloomError(
                "E-argument", f"hidden is {hidden!r}", remedy="give a list: hidden=[1000,500]"
            )
        for name, units in [*(("hidden", units) for units in hidden), ("code", code)]:
            _counted(name, units)
        super().__init__(
            (in_chans, SIDE, SIDE),
            flatten=nn.Flatten(),  # 784
            **_encoder(in_chans * SIDE * SIDE, hidden, code, activation),  # 30
            **_decoder(in_chans * SIDE * SIDE, hidden, code, activation),  # 784
            image=nn.Unflatten(1, (in_chans, SIDE, SIDE)),  # 1 x 28 x 28
        )
        _glorot_(self, 4.0 if activation == "logistic" else 1.0)


class AutoencoderSparse(nn.Module):
    """A sparse autoencoder: more hidden units than pixels, each of them rarely on.

    In training it returns its image with a penalty, ``2 beta / D`` times the sum over hidden units of
    ``KL(rho, mean activation)``, D the numbers of an image: the published cost, half a sum of squares and
    beta times that sum, in the units of a mean of squares.

    Source: Ng 2011, "Sparse autoencoder", CS294A lecture notes, section 3: logistic units, mean activation
    rho = 0.05, beta; Hinton, Salakhutdinov 2006 for the size of the images.
    Departs: the mean activation is that of a batch, the notes' that of all images. The notes have 25 hidden
    units for 64 pixels and say that the penalty allows more units than pixels; 1,000 is our choice, and so
    is beta = 3, which we know second hand. Initial weights after Glorot and Bengio 2010.

    Args:
        in_chans: Channels of the image.
        hidden: Hidden units.
        rho: The mean activation that is asked for, above 0 and below 1.
        beta: Weight of the penalty.

    Shape: input (B, in_chans, 28, 28); output the same, in training `layers.WithPenalty`.

    Raises:
        HeirloomError: (``E-argument``) Something is none of these.
    """

    def __init__(self, in_chans: int = 1, hidden: int = 1000, rho: float = 0.05, beta: float = 3.0) -> None:
        super().__init__()
        if not 0 < rho < 1:
            raise HeirloomError("E-argument", f"rho is {rho}", remedy="give a share above 0 and below 1")
        if not 0 <= beta < math.inf:
            raise HeirloomError("E-argument", f"beta is {beta}", remedy="give 0 or more")
        pixels = in_chans * SIDE * SIDE
        self.input_size = (in_chans, SIDE, SIDE)
        self.rho, self.weight = rho, 2 * beta / pixels
        self.flatten = nn.Flatten()  # 784
        self.hidden = nn.Linear(pixels, _counted("hidden", hidden))  # 1000
        self.hidden_squash = nn.Sigmoid()
        self.output = nn.Linear(hidden, pixels)  # 784
        self.output_squash = nn.Sigmoid()
        self.image = nn.Unflatten(1, self.input_size)  # 1 x 28 x 28
        _glorot_(self, 4.0)

    def forward(self, x: Tensor) -> Tensor | WithPenalty:
        """See the class."""
        check_input(self, x)
        on = self.hidden_squash(self.hidden(self.flatten(x)))
        image: Tensor = self.image(self.output_squash(self.output(on)))
        return WithPenalty(image, self.weight * sparsity(on, self.rho)) if self.training else image


def sparsity(on: Tensor, rho: float) -> Tensor:
    """How far the mean activation of each unit is from ``rho``, as a sum of Kullback-Leibler divergences.

    ``rho log(rho / m) + (1 - rho) log((1 - rho) / (1 - m))`` for each unit's mean m, summed over units.

    Args:
        on: (B, units) activations between 0 and 1.
        rho: Above 0 and below 1.

    Source: Ng 2011, "Sparse autoencoder", CS294A lecture notes, section 3.
    """
    tiny = torch.finfo(on.dtype).eps
    mean = on.mean(0).clamp(tiny, 1 - tiny)  # units that are always off would make it infinite
    wanted = rho * math.log(rho) + (1 - rho) * math.log(1 - rho)
    return (wanted - rho * mean.log() - (1 - rho) * (1 - mean).log()).sum()


class AutoencoderDenoising(Chain):
    """A denoising autoencoder: more hidden units than pixels, and pixels missing while it learns.

    Source: Vincent, Larochelle, Bengio, Manzagol 2008, "Extracting and composing robust features with
    denoising autoencoders": logistic units, masking noise of a quarter of the pixels, in training only; the
    image that it has to give back is the whole one.
    Departs: one such autoencoder, where they stacked three; weights of the decoder are its own, which they
    leave open. They chose the number of hidden units by validation; 1,000 is our choice. Initial weights
    after Glorot and Bengio 2010.

    Args:
        in_chans: Channels of the image.
        hidden: Hidden units.
        noise: Share of the numbers of an image that are set to 0, 0 to 1.

    Shape: input (B, in_chans, 28, 28); output the same.

    Raises:
        HeirloomError: (``E-argument``) Something is none of these.
    """

    def __init__(self, in_chans: int = 1, hidden: int = 1000, noise: float = 0.25) -> None:
        pixels = in_chans * SIDE * SIDE
        super().__init__(
            (in_chans, SIDE, SIDE),
            noise=MaskingNoise(noise),  # 1 x 28 x 28
            flatten=nn.Flatten(),  # 784
            hidden=nn.Linear(pixels, _counted("hidden", hidden)),  # 1000
            hidden_squash=nn.Sigmoid(),
            output=nn.Linear(hidden, pixels),  # 784
            output_squash=nn.Sigmoid(),
            image=nn.Unflatten(1, (in_chans, SIDE, SIDE)),  # 1 x 28 x 28
        )
        _glorot_(self, 4.0)


class AutoencoderConv(Chain):
    """A convolutional autoencoder: convolutions and pooling to 30 numbers, transposed convolutions back.

    Source: Masci, Meier, Ciresan, Schmidhuber 2011, "Stacked convolutional auto-encoders for hierarchical
    feature extraction": convolutions and maximum pooling in the encoder, convolutions that make maps larger
    in the decoder. Zeiler, Krishnan, Taylor, Fergus 2010, "Deconvolutional networks", for the latter.
    Departs: theirs have one convolution each, stacked when trained, and 20 maps of 7 x 7 kernels for MNIST;
    ours is trained as a whole. Maps, kernels, rectified units and the code of 30 numbers, as many as in
    Hinton's and Salakhutdinov's, are our choice. Initial weights after He et al. 2015.

    Args:
        in_chans: Channels of the image.
        code: Numbers that an image has to pass through.

    Shape: input (B, in_chans, 28, 28); output the same.

    Raises:
        HeirloomError: (``E-argument``) ``code`` is no such number.
    """

    def __init__(self, in_chans: int = 1, code: int = 30) -> None:
        super().__init__(
            (in_chans, SIDE, SIDE),
            conv1=Conv2d(in_chans, 16, 3, padding=1),  # 16 x 28 x 28
            relu1=nn.ReLU(),
            pool1=MaxPool2d(2),  # 16 x 14 x 14
            conv2=Conv2d(16, 32, 3, padding=1),  # 32 x 14 x 14
            relu2=nn.ReLU(),
            pool2=MaxPool2d(2),  # 32 x 7 x 7
            code=Conv2d(32, _counted("code", code), 7),  # 30 x 1 x 1
            up1=nn.ConvTranspose2d(code, 32, 7),  # 32 x 7 x 7
            relu3=nn.ReLU(),
            up2=nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),  # 16 x 14 x 14
            relu4=nn.ReLU(),
            up3=nn.ConvTranspose2d(16, in_chans, 4, stride=2, padding=1),  # 1 x 28 x 28
            output_squash=nn.Sigmoid(),
        )
        for layer in self:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            elif isinstance(layer, nn.ConvTranspose2d):
                # Amid a large image, each output reads one in stride^2 of the kernel's weights from each map;
                # those of up1, whose maps are 1 x 1, read one alone: its first weights are small.
                reads = layer.in_channels * math.prod(layer.kernel_size) / math.prod(layer.stride)
                nn.init.normal_(layer.weight, std=math.sqrt(2 / max(1.0, reads)))
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.bias is not None:
                nn.init.zeros_(layer.bias)


_PAPER = "Hinton, Salakhutdinov 2006"
_SUM = "arithmetic on its sizes"
CLAIMS = {
    "autoencoder": (
        Claim("output_size", (30,), f"{_PAPER}: 784-1000-500-250-30", layer="code"),
        Claim("output_size", (1000,), f"{_PAPER}: 784-1000-500-250-30", layer="enc1"),
        Claim("parameters", 785_000, f"{_SUM}: 1000 x 785", layer="enc1"),
        Claim("parameters", 7_530, f"{_SUM}: 30 x 251", layer="code"),
        Claim("parameters", 784_784, f"{_SUM}: 784 x 1001", layer="output"),
        Claim("parameters", 2_837_314, f"{_SUM}: 1,418,780 in, 1,418,534 out"),
        Claim("connections", 2_837_314, f"{_SUM}: as many as parameters, nothing is shared"),
        Claim("macs", 2_833_000, f"{_SUM}: 2 x (784 x 1000 + 1000 x 500 + 500 x 250 + 250 x 30)"),
        Claim(
            "parameters",
            842_340,
            f"{_PAPER}, supporting text, curves: 784-400-200-100-50-25-6",
            verified=False,
            args={"hidden": (400, 200, 100, 50, 25), "code": 6},
            why="the sizes are from memory; the sum is ours",
        ),
        Claim(
            "parameters",
            47_854,
            "arithmetic: 30 x 785 + 784 x 31, one layer in and one out",
            args={"hidden": (), "activation": "linear"},
        ),
    ),
    "autoencoder_sparse": (
        Claim("parameters", 1_569_784, "arithmetic: 1000 x 785 + 784 x 1001"),
        Claim("macs", 1_568_000, "arithmetic: 2 x 784 x 1000"),
        Claim("units", 2_568, "arithmetic: 784 + 1000 + 784"),
    ),
    "autoencoder_denoising": (
        Claim("parameters", 1_569_784, "arithmetic: 1000 x 785 + 784 x 1001"),
        Claim("connections", 1_569_784, "arithmetic: as many as parameters, nothing is shared"),
        Claim("units", 2_568, "arithmetic: 784 + 1000 + 784"),
    ),
    "autoencoder_conv": (
        Claim("parameters", 160, "arithmetic: 16 x 10", layer="conv1"),
        Claim("parameters", 4_640, "arithmetic: 32 x 145", layer="conv2"),
        Claim("parameters", 47_070, "arithmetic: 30 x 1569", layer="code"),
        Claim("parameters", 47_072, "arithmetic: 30 x 32 x 49 + 32", layer="up1"),
        Claim("parameters", 8_208, "arithmetic: 32 x 16 x 16 + 16", layer="up2"),
        Claim("parameters", 257, "arithmetic: 16 x 16 + 1", layer="up3"),
        Claim("parameters", 107_407, "arithmetic: the sum"),
        Claim("macs", 401_408, "arithmetic: 32 x 16 x 16 x 49, each of 49 places read once", layer="up2"),
        Claim("connections", 404_544, "arithmetic: 401,408 and a bias for 16 x 14 x 14", layer="up2"),
        Claim("receptive_field", 10, "arithmetic", layer="pool2"),
        Claim("receptive_field", 34, "arithmetic", layer="code"),
        Claim("receptive_field", 58, "arithmetic: 34 + 6 x 4", layer="up1"),
        Claim("receptive_field", 67, "arithmetic: 58 + 3 x 2 + 3 x 1", layer="up3"),
        Claim("jump", 1, "arithmetic", layer="up3"),
    ),
}
