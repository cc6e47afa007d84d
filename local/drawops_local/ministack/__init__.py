"""Launcher of MiniStack, run by path inside MiniStack's own environment.

MiniStack is started unchanged except for the patches in this package, one module for each gap between
it and AWS. Every patch first asserts that what it replaces is still what it expects, so an upgrade of
MiniStack fails at start-up with the name of the patch instead of behaving differently in silence.

This package imports nothing from the rest of `drawops_local`: its environment does not have it.
"""
