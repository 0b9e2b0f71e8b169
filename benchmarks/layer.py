"""Workload ``lrn``, what both sides do: forward and backward passes of one layer, over and over."""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.settings import LAYER_PASSES, LAYER_SIZES, LAYER_WARM_UP


def measure(make: Callable[[], nn.Module]) -> None:
    """Print the median milliseconds of a pass, forward and backward, as the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("size", choices=LAYER_SIZES)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--passes", type=int, default=LAYER_PASSES)
    asked = parser.parse_args()

    torch.set_num_threads(asked.threads or torch.get_num_threads())
    torch.manual_seed(0)
    layout = torch.channels_last if asked.channels_last else torch.contiguous_format
    x, grad = (torch.randn(LAYER_SIZES[asked.size]).to(memory_format=layout) for _ in range(2))
    layer, x = make(), x.requires_grad_()
    found = [seconds(layer, x, grad) for _ in range(LAYER_WARM_UP + asked.passes)][LAYER_WARM_UP:]
    print(json.dumps({"milliseconds": 1000 * statistics.median(found)}))


def seconds(layer: nn.Module, x: Tensor, grad: Tensor) -> float:
    """Of one pass forward and backward."""
    began = time.perf_counter()
    torch.autograd.grad(layer(x), x, grad)
    return time.perf_counter() - began
