"""Receptive fields: which pixels of the input a unit can see, axis by axis.

A window of size k, step s and padding p after a layer whose units see r pixels and lie j pixels apart
gives r + (k - 1) j pixels, units s j apart, and a first unit that starts p j pixels earlier.

A transposed convolution is such a window with stride 1 over its input with s - 1 zeros between the units,
which lie j / s pixels apart then, and k - 1 - p zeros around them. Its units differ in what they see, since a
window holds zeros at different places. What is told is the smallest window that is the same for all of them
and holds what each sees: r + (k - 1) j / s pixels. It is not told where s does not divide j, that is, where
neighbouring units would lie a part of a pixel apart.

Source: Araujo, Norris, Sim 2019, "Computing receptive fields of convolutional neural networks", Distill.
"""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple


class Axis(NamedTuple):
    """One axis of the image. All lengths are in input pixels, and fields are not clipped to the image.

    Attributes:
        size: Pixels that a unit sees, from the first to the last.
        jump: Pixels between neighbouring units; 0 where all units see the same.
        start: First pixel that unit 0 sees; negative where it begins in the padding.
        units: Number of units along the axis.
        dim: The axis of the tensor that it lies in, perhaps flattened together with others.
        apart: Places along ``dim`` between neighbouring units; more than 1 only in a flattened one.
    """

    size: int
    jump: int
    start: int
    units: int
    dim: int
    apart: int = 1

    def window(self, kernel: int, stride: int, padding: int, dilation: int, units: int) -> "Axis":
        """The axis behind a sliding window of ``kernel`` taps that gives ``units`` results."""
        return Axis(
            size=self.size + (kernel - 1) * dilation * self.jump,
            jump=self.jump * stride,
            start=self.start - padding * self.jump,
            units=units,
            dim=self.dim,
            apart=self.apart,
        )

    def spread(self, kernel: int, stride: int, padding: int, dilation: int, units: int) -> "Axis":
        """The axis behind a transposed window: a plain one, with ``stride - 1`` zeros between the units."""
        between = self._replace(jump=self.jump // stride)
        return between.window(kernel, 1, dilation * (kernel - 1) - padding, dilation, units)

    def collapsed(self) -> "Axis":
        """The axis behind something that reads all units at once."""
        return self._replace(size=self.size + (self.units - 1) * self.jump, units=1, apart=1)

    def cut(self, first: int, step: int, units: int) -> "Axis":
        """The axis of every ``step``-th unit from ``first`` on; negative where units were added before."""
        return self._replace(jump=self.jump * step, start=self.start + first * self.jump, units=units)

    def shared(self, units: int) -> "Axis":
        """The axis of ``units`` that all see what one sees who sees everything."""
        return self.collapsed()._replace(jump=0, units=units, apart=self.apart)

    def holds(self, other: "Axis") -> bool:
        """True if its first unit sees all that the first unit of ``other`` sees."""
        return self.start <= other.start and other.start + other.size <= self.start + self.size


class Field(NamedTuple):
    """What the units of one tensor see.

    Attributes:
        axes: One per axis of the image: rows and columns, or just the length of a sequence.
        aligned: False where branches with different centres were merged.
    """

    axes: tuple[Axis, ...]
    aligned: bool = True

    def with_axes(self, axes: Sequence[Axis]) -> "Field":
        """The same with other axes."""
        return Field(tuple(axes), self.aligned)

    def windowed(
        self,
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        sizes: tuple[Sequence[int], Sequence[int]],
    ) -> "Field | None":
        """The field behind a window over the last axes, given the sizes of input and output.

        None if an axis of the image is not among those, or is flattened together with another.
        """
        return self._moved(Axis.window, kernel, stride, padding, dilation, sizes)

    def spread(
        self,
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        sizes: tuple[Sequence[int], Sequence[int]],
    ) -> "Field | None":
        """The field behind a transposed window; arguments and None as in `windowed`.

        None as well where a stride does not divide the distance between units.
        """
        first = len(sizes[1]) - len(kernel)
        if any(axis.dim >= first and axis.jump % stride[axis.dim - first] for axis in self.axes):
            return None
        return self._moved(Axis.spread, kernel, stride, padding, dilation, sizes)

    def _moved(
        self,
        how: Callable[[Axis, int, int, int, int, int], Axis],
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        sizes: tuple[Sequence[int], Sequence[int]],
    ) -> "Field | None":
        before, after = sizes
        first = len(after) - len(kernel)
        if any(axis.dim < first or before[axis.dim] != axis.units for axis in self.axes):
            return None
        return self.with_axes(
            [
                how(axis, kernel[i], stride[i], padding[i], dilation[i], after[axis.dim])
                for axis in self.axes
                for i in [axis.dim - first]
            ]
        )

    def collapsed(self, dims: Collection[int] | None = None) -> "Field":
        """The field behind something that reads all units along ``dims`` (by default: along all axes)."""
        return self.with_axes([a.collapsed() if dims is None or a.dim in dims else a for a in self.axes])


def image(size: Sequence[int]) -> Field:
    """The field of the input itself, (C, ...) without the batch: each pixel sees itself."""
    return Field(tuple(Axis(1, 1, 0, units, dim) for dim, units in enumerate(size[1:], start=2)))


def union(fields: "Sequence[Field | None]") -> "Field | None":
    """The smallest field that holds all of ``fields``; None if one is unknown or they cannot be lined up."""
    merged: Field | None = None
    for field in fields:
        if field is None:
            return None
        merged = field if merged is None else _pair(merged, field)
        if merged is None:
            return None
    return merged


def _pair(a: Field, b: Field) -> Field | None:
    axes, aligned = [], a.aligned and b.aligned
    for one, other in zip(a.axes, b.axes, strict=True):
        if one.units != other.units or one.jump != other.jump:
            units = max(one.units, other.units)
            dim = one.dim if one.units >= other.units else other.dim
            wide, narrow = (one, other) if one.units == 1 or one.jump == 0 else (other, one)
            one, other = wide.shared(units), narrow.shared(units)
            if (wide.units > 1 and wide.jump) or not one.holds(other):
                return None
            # Beside a unit that sees everything, all units see everything.
            one, other = one._replace(dim=dim), other._replace(dim=dim)
        elif (one.dim, one.apart) != (other.dim, other.apart) and one.units > 1:
            return None
        start = min(one.start, other.start)
        end = max(one.start + one.size, other.start + other.size)
        # Twice the centre, so that halves stay whole numbers.
        aligned = aligned and 2 * one.start + one.size == 2 * other.start + other.size
        axes.append(one._replace(size=end - start, start=start))
    return Field(tuple(axes), aligned)
