"""Documents with one property each, made when a test needs them."""

import zlib
from pathlib import Path

import pikepdf

PDF = Path(__file__).parent.parent / "data" / "pdf"


def page_of(
    path: Path,
    *,
    rotate: int = 0,
    media: tuple[float, ...] = (0, 0, 595, 842),
    crop: tuple[float, ...] | None = None,
    inherited: bool = False,
) -> Path:
    """One page with a line of text near its middle; attributes on the page or its parent."""
    document = pikepdf.new()
    document.add_blank_page(page_size=(595, 842))
    page = document.pages[0].obj
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1)
    font.BaseFont = pikepdf.Name.Helvetica
    page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=document.make_indirect(font)))
    x, y = (media[0] + media[2]) / 2, (media[1] + media[3]) / 2
    text = f"BT /F1 12 Tf {x} {y} Td (Giam doc) Tj ET".encode()
    page.Contents = document.make_stream(text)
    holder = document.Root.Pages if inherited else page
    del page["/MediaBox"]
    holder.MediaBox = pikepdf.Array([*media])
    holder.Rotate = rotate
    if crop:
        holder.CropBox = pikepdf.Array([*crop])
    document.save(path)
    return path


def changed(path: Path, change: object, source: Path = PDF / "quyet_dinh.pdf") -> Path:
    """The decision with one change made by `change(document)`."""
    with pikepdf.open(source) as document:
        change(document)  # type: ignore[operator]
        document.save(path)
    return path


def with_action(path: Path, **action: object) -> Path:
    def change(document: pikepdf.Pdf) -> None:
        document.Root.OpenAction = pikepdf.Dictionary(**action)

    return changed(path, change)


def bomb(path: Path, *, layers: int, megabytes: int) -> Path:
    """A stream that unpacks to so many megabytes through so many layers of deflate."""

    def change(document: pikepdf.Pdf) -> None:
        packer = zlib.compressobj(9)
        data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()
        for _ in range(layers - 1):
            data = zlib.compress(data, 9)
        stream = pikepdf.Stream(document, data)
        stream.Filter = pikepdf.Array([pikepdf.Name.FlateDecode] * layers)
        document.Root.Bomb = document.make_indirect(stream)

    with pikepdf.open(PDF / "quyet_dinh.pdf") as document:
        change(document)
        document.save(
            path, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none
        )
    return path


def with_empty_field(path: Path, name: str, box: tuple[float, ...], **more: object) -> Path:
    """The decision with an empty signature field on its page."""

    def change(document: pikepdf.Pdf) -> None:
        field = pikepdf.Dictionary(
            FT=pikepdf.Name.Sig,
            T=name,
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Widget,
            Rect=pikepdf.Array([*box]),
            F=4,
            **more,
        )
        reference = document.make_indirect(field)
        document.pages[0].obj.Annots = pikepdf.Array([reference])
        document.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([reference]))

    return changed(path, change)
