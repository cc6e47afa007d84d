"""The data sets that `drawops dataset get` knows: where they are, and what may be done with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from drawops_vision.datasets import dataset_pid, funsd, sroie, vector_pdf
from drawops_vision.datasets.conversion import Conversion
from drawops_vision.datasets.folder import UNKNOWN_LICENCE, About

Convert = Callable[[Sequence[Path], Conversion], None]


@dataclass(frozen=True)
class Download:
    """One file.

    Attributes:
        url: where it is.
        name: what it is called here.
        sha256: as published; empty where nobody publishes one, then the one that was seen first is kept.
    """

    url: str
    name: str
    sha256: str = ""


@dataclass(frozen=True)
class Known:
    """A published data set.

    Attributes:
        about: what becomes its `dataset.json`.
        terms: what its licence allows, in sentences for a person.
        holds: what is in it, in a few words.
        pages: how many.
        megabytes: to be downloaded, None where not known.
        page: where a person finds it.
        downloads: empty where only a person can fetch it.
        convert: from the unpacked files into a data set.
    """

    about: About
    terms: str
    holds: str
    pages: str
    megabytes: int | None
    page: str
    downloads: tuple[Download, ...]
    convert: Convert


KNOWN: Mapping[str, Known] = {
    "dataset-pid": Known(
        About(
            name="dataset-pid",
            title="Dataset-P&ID",
            licence=UNKNOWN_LICENCE,
            attribution="S. Paliwal, A. Jain, M. Sharma, L. Vig: Digitize-PID: Automatic Digitization of "
            "Piping and Instrumentation Diagrams, 2021 (arXiv 2109.03794)",
            url="https://drive.google.com/drive/u/0/folders/1gMm_YKBZtXB3qUKUpI-LF1HE_MgzwfeR",
        ),
        terms="The authors published it with their paper and state no licence. Without one you have no right "
        "to pass the data on, and whether you may train on them commercially is for your lawyers or the "
        "authors.",
        holds="synthetic P&IDs: words, symbols, lines, links, tables",
        pages="500",
        megabytes=None,
        page="https://drive.google.com/drive/u/0/folders/1gMm_YKBZtXB3qUKUpI-LF1HE_MgzwfeR",
        # A folder on Google Drive: no address from which a program could fetch it without an account.
        downloads=(),
        convert=dataset_pid.convert,
    ),
    "funsd": Known(
        About(
            name="funsd",
            title="FUNSD: Form Understanding in Noisy Scanned Documents",
            licence="LicenseRef-FUNSD",
            attribution="G. Jaume, H. K. Ekenel, J.-P. Thiran: FUNSD: A Dataset for Form Understanding in "
            "Noisy Scanned Documents, ICDAR-OST 2019",
            url="https://guillaumejaume.github.io/FUNSD/",
        ),
        terms="For non-commercial, research and educational purposes only (its own licence, see its page).",
        holds="scanned forms: words, entries and their links",
        pages="199",
        megabytes=16,
        page="https://guillaumejaume.github.io/FUNSD/",
        downloads=(
            Download(
                "https://guillaumejaume.github.io/FUNSD/dataset.zip",
                "funsd.zip",
                # As the docTR project publishes it with its loader.
                "c31735649e4f441bcbb4fd0f379574f7520b42286e80b01d80b445649d54761f",
            ),
        ),
        convert=funsd.convert,
    ),
    "sroie": Known(
        About(
            name="sroie",
            title="SROIE: Scanned Receipts OCR and Information Extraction",
            licence=UNKNOWN_LICENCE,
            attribution="Z. Huang et al.: ICDAR 2019 Competition on Scanned Receipt OCR and Information "
            "Extraction (arXiv 2103.10213)",
            url="https://rrc.cvc.uab.es/?ch=13",
        ),
        terms="The competition gives the data to those who register on its page and agree to its terms; "
        "the copy that is fetched here states no licence of its own. Read the terms on that page first.",
        holds="scanned receipts: lines of text",
        pages="987",
        megabytes=None,
        page="https://rrc.cvc.uab.es/?ch=13",
        downloads=(
            Download(
                "https://github.com/mindee/doctr/releases/download/v0.1.1/sroie2019_train_task1.zip",
                "sroie2019_train_task1.zip",
                "d4fa9e60abb03500d83299c845b9c87fd9c9430d1aeac96b83c5d0bb0ab27f6f",
            ),
            Download(
                "https://github.com/mindee/doctr/releases/download/v0.1.1/sroie2019_test.zip",
                "sroie2019_test.zip",
                "41b3c746a20226fddc80d86d4b2a903d43b5be4f521dd1bbe759dbf8844745e2",
            ),
        ),
        convert=sroie.convert,
    ),
    "dexpi": Known(
        About(
            name="dexpi",
            title="DEXPI TrainingTestCases: public example P&IDs",
            licence="CC-BY-4.0",
            attribution="DEXPI e.V. and the contributors of its public example P&IDs",
            url="https://gitlab.com/dexpi/TrainingTestCases",
        ),
        terms="Creative Commons Attribution 4.0: use, change and pass on, also commercially, naming DEXPI "
        "e.V. and saying what was changed (here: pages rendered, labels taken from the text layer).",
        holds="P&IDs of several CAD systems as vector PDFs: texts",
        pages="about 100",
        megabytes=None,
        page="https://gitlab.com/dexpi/TrainingTestCases",
        # GitLab packs it at each request, so there is no checksum to publish.
        downloads=(
            Download(
                "https://gitlab.com/dexpi/TrainingTestCases/-/archive/master/TrainingTestCases-master.zip",
                "dexpi-training-test-cases.zip",
            ),
        ),
        convert=vector_pdf.convert,
    ),
}
