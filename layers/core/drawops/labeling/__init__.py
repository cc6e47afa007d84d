"""Labeling: pages become work, people correct them, answers become labels."""
