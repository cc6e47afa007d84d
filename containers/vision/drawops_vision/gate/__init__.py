"""The forgetting gate: whether a candidate may replace the approved model. See docs/gate.md.

Modules, each using only those above it:

    allowances   what a candidate may do: points it may fall, how slow, how large
    charsets     which block of characters a string or a character belongs to
    record       what an artifact says of its own training
    artifacts    what can be told of a candidate before it reads anything
    pages        the labelled pages of a dataset version that both models read
    general      general words: lines drawn for the gate alone
    readings     what a model reads of pages and lines
    counts       both models' readings as counts that add up over sheets
    statistics   intervals, tests and their power
    slices       the gate's table
    profiles     which classes of the recogniser answer differently
    characters   which characters a candidate has lost
    speed        which of two models is slower
    judge        all of it -> `Verdict`
    plots, page  verdict.html (with verdict.html.j2)
"""
