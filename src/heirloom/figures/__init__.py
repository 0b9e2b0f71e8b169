"""Pictures of what a network learned and how it errs, one file per kind.

Each gives the same picture twice: as parts for the report, which follow the page's theme, and as a file
that stands alone on white, with its labels in it. Equal numbers give equal bytes.
"""
