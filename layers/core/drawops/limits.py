"""How large a drawing may be. The check step and the inference container hold to the same figures."""

from dataclasses import dataclass

from pydantic import BaseModel


@dataclass(frozen=True)
class Limits:
    """Upper and lower bounds for one file.

    Defaults: an A0 sheet at 300 dpi has 139.5 megapixels; 200 leaves room for 350 dpi.
    """

    max_bytes: int = 100 * 1024 * 1024
    max_pages: int = 100
    max_pixels: int = 200_000_000
    min_side: int = 16


class LimitSettings(BaseModel):
    """The stack's choice of limits; field names in capitals are environment variables."""

    max_file_megabytes: int = 100
    max_pages: int = 100

    def limits(self) -> Limits:
        """The limits with these two figures changed."""
        return Limits(max_bytes=self.max_file_megabytes * 2**20, max_pages=self.max_pages)
