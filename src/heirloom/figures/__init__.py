"""Pictures of what a network learned and how it errs, one file per kind.

Each gives the same picture twice: as parts for the report, which follow the page's theme, and as a file
that stands alone on white, with its labels in it. Equal numbers give equal bytes.

What the command ``draw`` can draw on its own is named here, without importing anything.
"""

PICTURES = {"gradients": "gradients:picture", "unfold": "unfolding:picture"}
"""Name -> "module:function" below this package; the function makes a `picture.Picture` of an `Asked`."""
