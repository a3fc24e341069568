"""In the sandbox: what no paper may carry that is to be signed, and what readers disagree about."""

import re
from typing import Any

import pikepdf

NESTING = 100
"""Direct objects inside each other; more is made to exhaust a reader's stack."""

ACTIONS = {
    "/JavaScript": "javascript",
    "/Launch": "launch",
    "/ImportData": "launch",
    "/SubmitForm": "submit",
    "/Rendition": "media",
    "/RichMediaExecute": "media",
    "/Hide": "hides",
    "/SetOCGState": "hides",
}
"""Action types (ISO 32000-1, table 198) that a signed paper must not carry."""

MEDIA = ("/RichMedia", "/Screen", "/3D", "/Movie", "/Sound")

OTHER_FILES = ("/GoToR", "/GoToE")
"""Links that open another file: told, not refused, because Word makes them from every link."""

HARMLESS = (
    "reported number of objects",
    "common error handled",
    "MediaBox is undefined",
    "extraneous whitespace",
)
"""Of qpdf's complaints, those about faults that every reader passes over in the same way."""

SUSPECT = re.compile(
    rb"/(?:JavaScript|Launch|ImportData|SubmitForm|Rendition|RichMediaExecute|JS|XFA|RichMedia"
    rb"|Hide|SetOCGState|Alternates|Screen|3D|Movie|Sound|GoToR|GoToE|Ref)(?![^\s/<>\[\]()])"
)
"""An object without any of these names needs no closer look."""


class Refused(Exception):
    """A verdict was reached."""

    def __init__(self, verdict: str, finding: str | None = None, **values: int) -> None:
        super().__init__(verdict)
        self.told: dict[str, Any] = {"verdict": verdict, "finding": finding, "values": values}


def written(item: Any) -> bytes:
    """The object without its stream's data: others by their numbers, names without escapes."""
    entries = item.stream_dict if isinstance(item, pikepdf.Stream) else item
    return bytes(entries.unparse(resolved=True))


def walk(item: Any, depth: int) -> int:
    """Looks at one indirect object and the direct ones inside it; how many open other files."""
    if depth > NESTING:
        raise Refused("too_large", "complex")
    entries: Any = ()
    links = 0
    if isinstance(item, pikepdf.Name):
        if str(item) in ACTIONS and depth == 0:  # an action names its kind in another object
            raise Refused("forbidden_content", ACTIONS[str(item)])
    elif isinstance(item, pikepdf.Array):
        entries = item
    elif isinstance(item, pikepdf.Dictionary | pikepdf.Stream):
        links += _look_at(item)
        entries = (entry for _, entry in item.items())
    for entry in entries:
        if isinstance(entry, pikepdf.Object) and not entry.is_indirect:
            links += walk(entry, depth + 1)
    return links


def _look_at(item: Any) -> bool:
    """Nothing here is forbidden; whether it opens another file."""
    kind = item.get("/S")
    if isinstance(kind, pikepdf.Name) and str(kind) in ACTIONS:
        raise Refused("forbidden_content", ACTIONS[str(kind)])
    if "/JS" in item:
        raise Refused("forbidden_content", "javascript")
    if "/XFA" in item:
        raise Refused("forbidden_content", "xfa")
    if item.get("/Subtype") in MEDIA:
        raise Refused("forbidden_content", "media")
    if "/Alternates" in item:  # another picture on paper than on the screen (8.9.5.4)
        raise Refused("forbidden_content", "hides")
    reference = item.get("/Ref")  # a form drawn from another file (8.10.4)
    if isinstance(reference, pikepdf.Dictionary) and "/F" in reference:
        raise Refused("forbidden_content", "external")
    return isinstance(kind, pikepdf.Name) and str(kind) in OTHER_FILES


def no_other_file(stream: Any) -> None:
    """The data of the stream is in this file (7.3.8.2, table 5: /F)."""
    if "/F" in stream:
        raise Refused("forbidden_content", "external")


def no_guesses(document: pikepdf.Pdf) -> None:
    """All readers find the same objects, and what the fields say is drawn in the document.

    A viewer draws the fields of a form with /NeedAppearances as it likes (12.7.3), and a signed
    document loses that entry, and with it the letters in the fields.
    """
    complaints = (str(complaint) for complaint in document.get_warnings())
    if any(not any(known in told for known in HARMLESS) for told in complaints):
        raise Refused("damaged")
    form = document.Root.get("/AcroForm")
    if isinstance(form, pikepdf.Dictionary) and form.get("/NeedAppearances"):
        raise Refused("damaged", "undrawn")


def no_hidden_layers(properties: Any) -> None:
    """Every layer is seen, on the screen as on paper (8.11.4)."""
    if not isinstance(properties, pikepdf.Dictionary):
        return
    views = [properties.get("/D"), *(properties.get("/Configs") or ())]
    for view in views:
        if isinstance(view, pikepdf.Dictionary) and (
            view.get("/BaseState") == "/OFF" or len(view.get("/OFF") or ())
        ):
            raise Refused("forbidden_content", "layers")
    for group in properties.get("/OCGs") or ():
        usage = group.get("/Usage") if isinstance(group, pikepdf.Dictionary) else None
        for event in ("View", "Print", "Export"):
            state = usage.get(f"/{event}") if isinstance(usage, pikepdf.Dictionary) else None
            if isinstance(state, pikepdf.Dictionary) and state.get(f"/{event}State") == "/OFF":
                raise Refused("forbidden_content", "layers")
