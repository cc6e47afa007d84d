"""Labelled data sets: the working format, what is converted into it, and what is exported from it.

    label_file   lines of a `Label.txt`, tolerant: what cannot be read is reported, the rest is kept
    folder       the working format: images/, Label.txt, dataset.json, objects.jsonl

    channel      a dataset version as a training or processing job finds it on disk

    npy          arrays out of files of strangers, pickled ones too, without running them
    archives     zip and tar archives of strangers
    conversion   what converters share
    dataset_pid, funsd, sroie, ppocrlabel, label_studio, vector_pdf    a format each, into the working format
    known        the published data sets that can be fetched, with their licences
    synthesis    generated sheets, in parallel
    inspection   what is in a data set, and what looks wrong; overview pictures
    paddleocr    out of the working format: detection, recognition crops, dictionary

Needs the `sheets` extra for `synthesis`, `ocr` for `paddleocr`; `folder` and `label_file` need neither.
"""
