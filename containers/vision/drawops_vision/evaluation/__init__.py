"""How well drawings are read: the scorer, and what an evaluation reports of it.

Modules, each using only those above it:

    scoring      the yardstick: labels and predictions of a sheet -> `Score`
    slices       parts of it: class of text, angle, glyph height
    bootstrap    95 % intervals over sheets
    calibration  whether confidences mean what they say
    errors       kinds of error, told mechanically
    predictions  what was read: result documents, readings, label files
    report       the contract of report.json, and how it is made
    comparison   A/B with a verdict
    crops        pictures of single texts
    plots        SVG of a report
    markdown     report.md
    html         report.html (with report.html.j2)
"""
