"""Fast paths of layers on the processor, each equal to the plain formula up to rounding.

PyTorch's own 2 x 2 pooling takes as long as the convolution before it, and its tanh six times as long as
its sigmoid, which is the same curve. Its convolution leaves most lanes of a vector idle where there are few
maps, and between small layers most of the time goes to memory and to calls: while a chain of them is trained,
`chains` has one operation in C for all. Small tensors, other devices, half precision and tracing keep the
plain formula. Derivatives forward (`torch.func.jvp`) are not there.
"""

import torch
from torch import Tensor

SMALLEST = 10_000
"""Elements from which a fast path pays for its call."""


def worthwhile(x: Tensor) -> bool:
    """True where a fast path may be taken."""
    plain = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)
    traced = torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None
    return plain and x.numel() >= SMALLEST and not traced
