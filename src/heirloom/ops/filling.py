"""Tensors made after the size of another, whatever that one holds: they do not depend on it."""

NAMES = """
    empty_like zeros_like ones_like full_like rand_like randn_like randint_like
    new_empty new_empty_strided new_zeros new_ones new_full
""".split()  # noqa: SIM905
