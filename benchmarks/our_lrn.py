"""Workload ``lrn``, our side: the library's local response normalisation."""

from benchmarks.layer import measure
from heirloom.layers import LRN

if __name__ == "__main__":
    measure(lambda: LRN("torch", k=2.0))
