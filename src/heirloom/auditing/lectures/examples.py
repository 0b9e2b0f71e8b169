"""The examples that lecture deck 002 works out or asks for: a convolution by hand, sizes, and parameters."""

import torch
from torch import nn
from torch.nn.functional import conv2d

from heirloom.accounting import summary
from heirloom.rows import Row

Matrix = tuple[tuple[int, ...], ...]

IMAGE: Matrix = (
    (5, 1, 7, 7, 8, 1),
    (7, 2, 5, 7, 8, 1),
    (5, 3, 5, 4, 4, 2),
    (4, 4, 3, 3, 2, 1),
    (3, 3, 4, 7, 8, 1),
    (5, 7, 8, 2, 3, 1),
)
FILTER: Matrix = ((1, 0, -1), (2, 0, -2), (1, 0, -1))

CHANNEL: Matrix = (
    (1, 0, 0, 0, 0, 1),
    (0, 1, 0, 0, 1, 0),
    (0, 0, 1, 1, 0, 0),
    (1, 0, 0, 0, 1, 0),
    (0, 1, 0, 0, 1, 0),
    (0, 0, 1, 0, 1, 0),
)
DIAGONAL: Matrix = ((1, -1, -1), (-1, 1, -1), (-1, -1, 1))


def convolved(image: Matrix, kernel: Matrix, channels: int = 1) -> Matrix:
    """The filter slid over an image, each of whose channels is the same; the kernel is not turned round."""
    pixels = torch.tensor([[image] * channels], dtype=torch.float64)
    weights = torch.tensor([[kernel] * channels], dtype=torch.float64)
    return tuple(tuple(int(n) for n in row) for row in conv2d(pixels, weights)[0, 0].tolist())


def block(image: Matrix, size: int = 3) -> tuple[int, ...]:
    """The first block of an image as a vector, row by row."""
    return tuple(n for row in image[:size] for n in row[:size])


def product(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    """The product of two vectors."""
    return sum(a * b for a, b in zip(first, second, strict=True))


def rows_text(matrix: Matrix) -> str:
    """A matrix as the deck prints it: a line for each row, tabs between the numbers."""
    return "\n".join("\t".join(map(str, row)) for row in matrix)


def matrix_text(matrix: Matrix) -> str:
    """A matrix on one line: rows in brackets."""
    return " ".join(f"[{' '.join(map(str, row))}]" for row in matrix)


def layer(module: nn.Module, size: tuple[int, ...]) -> Row:
    """The row of the books of a single layer; ``size`` is that of an image, maps first."""
    return summary(module, size).rows[-1]


def size_after(module: nn.Module, *size: int) -> tuple[int, ...]:
    """The size behind a single layer, maps last, as lectures print it."""
    after = layer(module, size).output_size or ()
    return (*after[1:], after[0])
