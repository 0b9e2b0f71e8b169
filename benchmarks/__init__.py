"""What we measure beside what others measure. Not part of the library; `make bench` runs it all.

Each program is a process of its own, so that none of them profits from another's imports or memory.
"""
