"""PDF backend: a vector page with a real text layer, or one scanned picture on a page.

reportlab, because it embeds TrueType subsets with a ToUnicode map (the text layer says exactly what is
drawn), sets a text matrix freely (angles, width factor), writes identical bytes for identical input
(`invariant`), ships the Vera fonts that we need anyway, and is BSD licensed and alive since 2000. fpdf2 turns
text by wrapping it in a changed graphics state and has no width factor per text matrix; pypdfium2 writes
text objects only through its raw C interface.
"""

import io
import math

from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from drawops_vision.sheets.faces import Face
from drawops_vision.sheets.model import Circle, Drawing, Fill, Path, Text

POINTS_PER_MM = 72 / 25.4
ROUND = 1


def vector_pdf(drawing: Drawing) -> bytes:
    """The drawing as vectors; each `Text` becomes one text object in an embedded font."""
    file, canvas = _open(drawing.title, drawing.width, drawing.height)
    canvas.setLineCap(ROUND)
    canvas.setLineJoin(ROUND)
    for item in drawing.items:
        if isinstance(item, Text):
            _text(canvas, item, drawing.height)
        elif isinstance(item, Circle):
            _circle(canvas, item, drawing.height)
        else:
            _path(canvas, item, drawing.height)
    return _close(file, canvas)


def scanned_pdf(title: str, jpeg: bytes, width: float, height: float) -> bytes:
    """A page of `width` x `height` mm that holds nothing but a JPEG, as a scanner makes it: no text layer."""
    file, canvas = _open(title, width, height)
    picture = ImageReader(io.BytesIO(jpeg))
    canvas.drawImage(picture, 0, 0, width * POINTS_PER_MM, height * POINTS_PER_MM)
    return _close(file, canvas)


def _open(title: str, width: float, height: float) -> tuple[io.BytesIO, Canvas]:
    file = io.BytesIO()
    size = (width * POINTS_PER_MM, height * POINTS_PER_MM)
    canvas = Canvas(file, pagesize=size, pageCompression=1, invariant=1)
    canvas.setTitle(title)
    canvas.setCreator("drawops_vision.sheets")
    return file, canvas


def _close(file: io.BytesIO, canvas: Canvas) -> bytes:
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _register(face: Face) -> str:
    if face.name not in pdfmetrics.getRegisteredFontNames():
        font = TTFont(face.name, io.BytesIO(face.ttf))
        # Whole thousandths of an em, as `Face` has them: viewers differ in what they do with the fractions.
        font.face.charWidths = {code: round(width) for code, width in font.face.charWidths.items()}
        pdfmetrics.registerFont(font)
    return face.name


def _text(canvas: Canvas, text: Text, sheet_height: float) -> None:
    x, y = text.to_sheet(text.origin())
    # PDF turns counter-clockwise with y up; the model clockwise with y down. Round, or cos(90°) prints 6e-17.
    angle = math.radians(-text.angle)
    cosine, sine = round(math.cos(angle), 9), round(math.sin(angle), 9)
    line = canvas.beginText()
    line.setFont(_register(text.face), text.height / text.face.capital * POINTS_PER_MM)
    line.setHorizScale(100 * text.stretch)
    line.setCharSpace(text.spacing * text.height * POINTS_PER_MM)
    canvas.setFillGray(text.grey / 255)
    line.setTextTransform(cosine, sine, -sine, cosine, x * POINTS_PER_MM, (sheet_height - y) * POINTS_PER_MM)
    line.textOut(text.string)
    canvas.drawText(line)
    canvas.setFillGray(0.0)


def _fill(canvas: Canvas, fill: Fill, grey: int) -> None:
    if fill is not Fill.NONE:
        canvas.setFillGray(grey / 255 if fill is Fill.INK else 1.0)


def _path(canvas: Canvas, path: Path, sheet_height: float) -> None:
    line = canvas.beginPath()
    for index, (x, y) in enumerate(path.points):
        (line.moveTo if index == 0 else line.lineTo)(x * POINTS_PER_MM, (sheet_height - y) * POINTS_PER_MM)
    if path.closed:
        line.close()
    canvas.setLineWidth(path.pen * POINTS_PER_MM)
    canvas.setDash([length * POINTS_PER_MM for length in path.dash])
    canvas.setStrokeGray(path.grey / 255)
    _fill(canvas, path.fill, path.grey)
    canvas.drawPath(line, stroke=int(path.pen > 0), fill=int(path.fill is not Fill.NONE))
    canvas.setFillGray(0.0)


def _circle(canvas: Canvas, circle: Circle, sheet_height: float) -> None:
    x, y = circle.centre
    canvas.setLineWidth(circle.pen * POINTS_PER_MM)
    canvas.setDash([])
    canvas.setStrokeGray(circle.grey / 255)
    _fill(canvas, circle.fill, circle.grey)
    canvas.circle(
        x * POINTS_PER_MM,
        (sheet_height - y) * POINTS_PER_MM,
        circle.radius * POINTS_PER_MM,
        stroke=int(circle.pen > 0),
        fill=int(circle.fill is not Fill.NONE),
    )
    canvas.setFillGray(0.0)
