"""Data sets: geometry of labels, cleaning, versions."""
