"""What others do: plain PyTorch, without a line of the library."""
