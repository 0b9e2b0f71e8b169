"""The multilayer perceptrons of 1998: every unit reads every pixel, or every unit before it.

Source: LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition",
section III.C, the fully connected networks with one and with two hidden layers, beside which it measures
its convolutional ones on MNIST. Known second hand: from the list of results that the same authors keep with
MNIST, and from copies of the paper's figure 9.
Departs: squashing and initial weights are those of the LeNets of the same paper. Copies differ on the
largest network: 500 and 150 hidden units in the figure and in the list, 1,000 and 150 in the text; here the
former.
"""

from torch import nn

from heirloom.claim import Claim
from heirloom.errors import HeirloomError
from heirloom.layers import Chain, ScaledTanh
from heirloom.models.initialisation import uniform_by_fan_in_


class MLP(Chain):
    """Multilayer perceptron of 1998: 300 hidden units, 28 x 28; published with 1,000, and with two layers.

    Published are 300, 1,000, 300 and 100, 500 and 150. Scores are the output units; their targets are +1
    and -1 (loss ``squared_error``).

    Args:
        num_classes: Number of classes.
        in_chans: Input channels.
        hidden: Units of the hidden layer, or of the first of two.
        second: Units of the second hidden layer; 0 where there is none.

    Shape: input (B, in_chans, 28, 28), background -0.1, strokes 1.175; output (B, num_classes).

    Raises:
        HeirloomError: (``E-argument``) There is no such number of units.
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 1, hidden: int = 300, second: int = 0) -> None:
        if hidden < 1 or second < 0:
            raise HeirloomError(
                "E-argument",
                f"hidden is {hidden}, second is {second}",
                remedy="give 1 or more hidden units, and second=0 for one hidden layer",
            )
        f2 = {"f2": nn.Linear(hidden, second), "f2_squash": ScaledTanh()} if second else {}
        super().__init__(
            (in_chans, 28, 28),
            flatten=nn.Flatten(),  # 784
            f1=nn.Linear(in_chans * 784, hidden),  # 300
            f1_squash=ScaledTanh(),
            **f2,
            output=nn.Linear(second or hidden, num_classes),  # 10
            output_squash=ScaledTanh(),
        )
        uniform_by_fan_in_(self)


def _claims(parameters: int, connections: str, **args: int) -> tuple[Claim, Claim]:
    """Without shared weights there are as many connections as parameters."""
    why = f"arithmetic: {connections}"
    return Claim("parameters", parameters, why, args=args), Claim("connections", parameters, why, args=args)


CLAIMS = {
    "mlp": (
        *_claims(238_510, "300 x 785 + 10 x 301"),
        *_claims(795_010, "1,000 x 785 + 10 x 1,001", hidden=1000),
        *_claims(266_610, "300 x 785 + 100 x 301 + 10 x 101", hidden=300, second=100),
        *_claims(469_160, "500 x 785 + 150 x 501 + 10 x 151", hidden=500, second=150),
        Claim("macs", 238_200, "arithmetic: 300 x 784 + 10 x 300"),
        Claim("receptive_field", 28, "every unit reads every pixel", layer="f1"),
    )
}
