"""Domain logic of drawops: what a drawing goes through, free of AWS wiring.

Nothing here imports from `functions`, `cli`, `local` or a container program.
"""

__version__ = "0.1.0"
