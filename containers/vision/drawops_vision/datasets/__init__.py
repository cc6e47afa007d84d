"""Labelled data sets: the working format, what is converted into it, and what is exported from it.

    label_file   lines of a `Label.txt`, tolerant: what cannot be read is reported, the rest is kept
    folder       the working format: images/, Label.txt, dataset.json, objects.jsonl

The other modules convert; each knows one format and writes a `folder.DatasetFolder`.
"""
