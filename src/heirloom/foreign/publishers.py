"""All publishers of weights that are known; the networks' own names come last."""

from heirloom.foreign.akamaster import AKAMASTER
from heirloom.foreign.caffe_zoo import CAFFE
from heirloom.foreign.publisher import OURSELVES, Publisher
from heirloom.foreign.torchvision import TORCHVISION

PUBLISHERS: tuple[Publisher, ...] = (TORCHVISION, AKAMASTER, CAFFE, OURSELVES)
