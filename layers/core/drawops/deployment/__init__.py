"""Deployment: bring a model artifact into service and keep its endpoint scaled."""
