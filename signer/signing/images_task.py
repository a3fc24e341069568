"""In the sandbox: the image of a signature or seal, decoded, cleaned and judged."""

import io
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from PIL import Image, ImageChops, UnidentifiedImageError

from signer.errors import N_, Invalid

LONGEST_PX = 4_000
"""Of an image that is handed in: a seal scanned at 1,200 dpi has 1,700."""

KEPT_PX = 800
"""Longest side that is stored: 68 mm at 300 dpi; every document signed carries all of it."""

LEAST_PX = 80
"""Fewer dots than this on the longer side look like stairs on paper."""

MOST_COVERED = 0.6
"""Share of the picture under ink; handwriting covers a fifth, a photograph nearly all."""

OPAQUE = 96
"""Alpha from which a dot counts as ink when colours are judged."""


@dataclass(frozen=True, kw_only=True)
class EmbeddedImage:
    """An image as PDF streams: eight bits a component, deflated."""

    name: str
    """Of the resource, without the slash."""
    width: int
    height: int
    rgb: bytes
    alpha: bytes
    """The soft mask, DeviceGray (ISO 32000-1, 11.6.5.3)."""


@lru_cache(maxsize=16)  # a batch shows one image a hundred times, and deflating takes 15 ms
def embedded(png: bytes, name: str) -> EmbeddedImage:
    """The stored image, ready for a document; the same bytes for the same image."""
    image = _opened(png)
    return EmbeddedImage(
        name=name,
        width=image.width,
        height=image.height,
        rgb=zlib.compress(image.convert("RGB").tobytes(), 9),
        alpha=zlib.compress(image.getchannel("A").tobytes(), 9),
    )


def accept(*, blobs: tuple[bytes, ...]) -> tuple[dict[str, Any], tuple[bytes, ...]]:
    """The image cut to its ink, of at most `KEPT_PX`, and the share of ink in each colour.

    A white background becomes transparent, because Decree 30/2020, Appendix I, II.7d and II.8a
    ask for a transparent one and scanners know only white.
    """
    image = _opened(blobs[0])
    was_opaque = image.getchannel("A").histogram()[:250] == [0] * 250
    if was_opaque:
        image = _without_white(image)
    box = image.getchannel("A").point(lambda alpha: 255 if alpha > 16 else 0).getbbox()
    if box is None or max(box[2] - box[0], box[3] - box[1]) < LEAST_PX:
        raise Invalid(
            N_("Hình ảnh quá nhỏ hoặc trống: nét mực phải dài ít nhất %(least)s điểm ảnh."),
            field="image",
            least=LEAST_PX,
        )
    image = image.crop(box)
    image.thumbnail((KEPT_PX, KEPT_PX))
    # What was invisible must not hide a second picture for whoever strips the mask.
    clean = Image.new("RGBA", image.size, (255, 255, 255, 0))
    clean.paste(image, mask=image.getchannel("A").point(lambda alpha: 255 if alpha else 0))
    shares = _colours(clean)
    if shares["covered"] > MOST_COVERED:
        raise Invalid(
            N_("Hình ảnh không có nền trong suốt: hãy quét chữ ký trên giấy trắng."), field="image"
        )
    file = io.BytesIO()
    clean.save(file, "PNG", optimize=True)
    told = shares | {"width": clean.width, "height": clean.height, "was_opaque": was_opaque}
    return told, (file.getvalue(),)


def _opened(png: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(png), formats=("PNG",))
        if max(image.size) > LONGEST_PX:
            raise Invalid(
                N_("Hình ảnh quá lớn: mỗi cạnh tối đa %(most)s điểm ảnh."),
                field="image",
                most=LONGEST_PX,
            )
        return image.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, zlib.error) as error:
        raise Invalid(
            N_("Không đọc được hình ảnh: tệp phải là ảnh PNG không bị lỗi."), field="image"
        ) from error
    except Image.DecompressionBombError as error:
        raise Invalid(N_("Hình ảnh giải nén ra quá lớn."), field="image") from error


def _without_white(image: Image.Image) -> Image.Image:
    """The same picture on white, as ink whose strength is the alpha."""
    red, green, blue = image.convert("RGB").split()
    darkest = ImageChops.darker(ImageChops.darker(red, green), blue)
    # Paper is never quite white: what is lighter than 235 is paper, and 60 is full ink.
    alpha = darkest.point(lambda v: max(0, min(255, round((235 - v) * 255 / (235 - 60)))))
    return Image.merge("RGBA", (red, green, blue, alpha))


def _colours(image: Image.Image) -> dict[str, float]:
    """Which share of the ink is blue, is red; `covered` is the share of the picture under ink."""
    alpha = image.getchannel("A").point(lambda value: 255 if value >= OPAQUE else 0)
    ink = alpha.histogram()[255] or 1
    hue, saturation, _ = image.convert("RGB").convert("HSV").split()
    coloured = ImageChops.darker(saturation.point(lambda s: 255 if s >= 50 else 0), alpha)

    def share(*ranges: tuple[int, int]) -> float:
        mask = hue.point(lambda h: 255 if any(low <= h <= high for low, high in ranges) else 0)
        return ImageChops.darker(mask, coloured).histogram()[255] / ink

    return {
        "blue": share((130, 190)),  # 183 to 268 degrees of 360
        "red": share((0, 14), (234, 255)),
        "covered": ink / (image.width * image.height),
    }
