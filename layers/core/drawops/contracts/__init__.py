"""Versioned data contracts (pydantic): the shapes that cross process boundaries."""
