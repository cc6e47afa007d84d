"""drawops against other OCR engines: same sheets, same scorer, same run."""
