"""One program an engine, run in that engine's environment; they need it and the standard library only."""
