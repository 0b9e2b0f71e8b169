"""What PyTorch lacks: the layers that the papers describe and no library has.

All image tensors are (B, C, H, W), batch, maps, rows, columns.
"""

from heirloom.layers.convolutions import CeilConv2d, Conv2d, TableConv2d
from heirloom.layers.locally_connected import LocallyConnected2d
from heirloom.layers.networks import Chain, WithAux, WithPenalty, check_input
from heirloom.layers.noise import MaskingNoise
from heirloom.layers.normalisation import LRN, WithinMapNorm
from heirloom.layers.pooling import AvgPool2d, L2Pool2d, MaxPool2d, MinPool2d, Subsampling
from heirloom.layers.recurrent import GRU, LSTM, Elman, Recurrent, Rows
from heirloom.layers.units import RBF, Gaussian, ScaledTanh

__all__ = [
    "GRU",
    "LRN",
    "LSTM",
    "RBF",
    "AvgPool2d",
    "CeilConv2d",
    "Chain",
    "Conv2d",
    "Elman",
    "Gaussian",
    "L2Pool2d",
    "LocallyConnected2d",
    "MaskingNoise",
    "MaxPool2d",
    "MinPool2d",
    "Recurrent",
    "Rows",
    "ScaledTanh",
    "Subsampling",
    "TableConv2d",
    "WithAux",
    "WithPenalty",
    "WithinMapNorm",
    "check_input",
]
