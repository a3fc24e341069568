"""Images of signatures and seals, drawn for tests."""

import io

from PIL import Image, ImageDraw, PngImagePlugin

BLUE, RED = (23, 54, 160), (200, 24, 30)
Colour = tuple[int, int, int]


def png_of_strokes(
    colour: Colour,
    size: tuple[int, int] = (640, 240),
    ground: tuple[int, int, int, int] = (255, 255, 255, 0),
) -> bytes:
    """A signature in ink of this colour, from edge to edge over a tenth of the paper around it."""
    image = Image.new("RGBA", size, ground)
    width, height = size
    points = [
        (width * (0.1 + 0.08 * step), height * (0.5 + (0.3 if step % 2 else -0.3)))
        for step in range(11)
    ]
    pen = ImageDraw.Draw(image)
    pen.line(points, fill=(*colour, 255), width=max(2, width // 60), joint="curve")
    return _saved(image)


def png_of_seal(colour: Colour = RED, side: int = 850) -> bytes:
    """A round seal that touches all four edges of its image."""
    image = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    pen = ImageDraw.Draw(image)
    pen.ellipse((0, 0, side - 1, side - 1), outline=(*colour, 255), width=side // 30)
    pen.ellipse((side // 4, side // 4, side * 3 // 4, side * 3 // 4), fill=(*colour, 140))
    return _saved(image)


def _saved(image: Image.Image) -> bytes:
    told = PngImagePlugin.PngInfo()
    told.add_text("Location", "secret place")
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=told)
    return file.getvalue()
