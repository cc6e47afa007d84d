"""Reading engineering drawings: rasterise, tile, detect, recognise, render, score.

Used by the container images, the command line and the benchmarks. Modules:

    rasterise   bytes -> pages of pixels (with `raster_file`, `pdf_file` and `text_layer`)
    tiling      which rectangles of a page the detector looks at
    detect      pixels -> probability map -> quads
    recognise   quads -> strings
    reader      all of it: bytes -> `drawops.contracts.reading.Reading`
    artifact    model.tar.gz: pack, verify, load
    render      draw a reading over its page
    datasets    labelled data sets: working format, converters, export for PaddleOCR
    evaluation  how well drawings are read: scores, intervals, kinds of error, reports
"""

import os

# ONNX Runtime's wheels send usage data to their maker, from the moment they are imported; nothing leaves a
# machine that reads other people's drawings.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
