"""Workload ``lrn``, the peer's side: PyTorch's own layer."""

from torch import nn

from benchmarks.layer import measure

if __name__ == "__main__":
    measure(lambda: nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0))
