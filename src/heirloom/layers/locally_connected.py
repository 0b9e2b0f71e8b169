"""The locally connected layer: it looks like a convolution, and its places share nothing."""

import torch
from torch import Tensor, nn

from heirloom.errors import HeirloomError


class LocallyConnected2d(nn.Module):
    """A bank of kernels and biases for each place of the output; no two places share a number.

    It is the convolution of a window that never moves: with equal kernels and biases everywhere, the two
    give the same. It has as many weights as multiplications, so it reads images of one size only.

    Args:
        in_size: (C, H, W) of the input.
        out_maps: Number of output maps.
        kernel: Side of the square kernels, in pixels.
        stride: Step of the windows, in pixels.

    Shape: input (B, C, H, W); output (B, out_maps, H', W') with H' = (H - kernel) // stride + 1. Weights
    (H', W', C, kernel, kernel, out_maps), in the order of the matrix product; biases (H', W', out_maps).

    Raises:
        HeirloomError: (``E-argument``) No window fits into the input; (``E-input-size``, in ``forward``) the
            input is not (B, *in_size).

    Source: Taigman, Yang, Ranzato, Wolf 2014, "DeepFace", section 3, layers L4 to L6.
    Departs: of biases nothing is said; here they are not shared either, as in Keras's layer of that name.
    """

    def __init__(self, in_size: tuple[int, int, int], out_maps: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        maps, height, width = in_size
        if kernel > min(height, width) or min(kernel, stride, out_maps, maps) < 1:
            raise HeirloomError(
                "E-argument",
                f"{out_maps} maps by windows of {kernel} with stride {stride} over {in_size}",
                why="no window fits, or there is nothing to compute",
            )
        self.in_size, self.out_maps, self.kernel, self.stride = tuple(in_size), out_maps, kernel, stride
        rows, columns = ((n - kernel) // stride + 1 for n in (height, width))
        self.weight = nn.Parameter(torch.empty(rows, columns, maps, kernel, kernel, out_maps))
        self.bias = nn.Parameter(torch.empty(rows, columns, out_maps))

    def forward(self, x: Tensor) -> Tensor:
        """Each place by itself: one matrix product for all images; see the class for shapes."""
        if tuple(x.shape[1:]) != self.in_size:
            raise HeirloomError(
                "E-input-size",
                f"a locally connected layer takes (B, {', '.join(map(str, self.in_size))})",
                why=f"got {tuple(x.shape)}",
            )
        rows, columns, maps = self.bias.shape
        windows = x.unfold(2, self.kernel, self.stride).unfold(3, self.kernel, self.stride)
        # (places, B, reads) by (places, reads, maps); the windows are copied, the weights never are.
        read = windows.permute(2, 3, 0, 1, 4, 5).reshape(rows * columns, len(x), -1)
        weight = self.weight.view(rows * columns, -1, maps)
        out = torch.baddbmm(self.bias.view(rows * columns, 1, maps), read, weight)
        return out.view(rows, columns, len(x), maps).permute(2, 3, 0, 1).contiguous()

    def extra_repr(self) -> str:
        """What distinguishes it."""
        return f"{self.in_size}, {self.out_maps}, kernel={self.kernel}, stride={self.stride}"
