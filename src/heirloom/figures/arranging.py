"""Boxes one below the other, in columns side by side: where one column ends and the next begins."""

from collections.abc import Sequence


def split(heights: Sequence[float], count: int, between: float) -> list[list[int]]:
    """``count`` consecutive parts, the highest of them as low as can be; ``between`` boxes as much room."""
    n = len(heights)
    if count == 1:
        return [list(range(n))]
    total = [0.0]
    for height in heights:
        total.append(total[-1] + height + between)
    cost = [[float("inf")] * (n + 1) for _ in range(count + 1)]
    place = [[0] * (n + 1) for _ in range(count + 1)]
    cost[0][0] = 0.0
    for k in range(1, count + 1):
        for end in range(1, n + 1):
            for start in range(end):
                worst = max(cost[k - 1][start], total[end] - total[start])
                if worst < cost[k][end]:
                    cost[k][end], place[k][end] = worst, start
    parts, end = [], n
    for k in range(count, 0, -1):
        parts.append(list(range(place[k][end], end)))
        end = place[k][end]
    return [part for part in parts[::-1] if part]


def narrowest(
    sizes: Sequence[tuple[float, float]], highest: float, between: float, apart: float
) -> list[list[int]]:
    """Consecutive parts no higher than ``highest``, together as narrow as can be where they stand ``apart``.

    Sizes are widths and heights; what is higher alone stands alone.
    """
    cost, place = [0.0], [0]  # of what lies before each place, and where its last part begins
    for end in range(1, len(sizes) + 1):
        best, begin, wide, high = float("inf"), end - 1, 0.0, 0.0
        for start in range(end - 1, -1, -1):
            wide, high = max(wide, sizes[start][0]), high + sizes[start][1] + between
            if high > highest and start < end - 1:
                break
            if cost[start] + wide + apart < best:
                best, begin = cost[start] + wide + apart, start
        cost.append(best)
        place.append(begin)
    parts, end = [], len(sizes)
    while end:
        parts.append(list(range(place[end], end)))
        end = place[end]
    return parts[::-1]
