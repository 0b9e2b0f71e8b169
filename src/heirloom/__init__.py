"""Heirloom: the classic convolutional networks, exactly as published."""

__version__ = "0.1.0"
