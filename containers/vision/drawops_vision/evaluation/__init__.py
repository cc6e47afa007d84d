"""How well drawings are read: the scorer, and what an evaluation reports of it.

scoring     the yardstick: labels and predictions of a sheet -> `Score`
"""
