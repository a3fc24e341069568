"""In the sandbox: every signature of a PDF examined; answers in codes, sentences are elsewhere."""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields

from signer.signing import cms_reader, hex_strings, past_task, signed_data
from signer.signing.chain import Trust
from signer.signing.coverage_task import Afterwards, Embedded
from signer.signing.examination_task import Examination, Facts
from signer.signing.past_task import Past, store_of
from signer.signing.pdf_task import entry_of, raw_items
from signer.signing.signed_data import SignedData, Token

IN_MEMORY_BYTES = 16 * 1024 * 1024
"""Smaller files are read into memory, because the parser reads them letter by letter."""

hex_strings.install()


@dataclass(kw_only=True)
class _Found:
    """A signature field that is filled."""

    facts: Facts
    reference: Any
    embedded: Embedded | None = None
    data: SignedData | None = None
    token: Token | None = None

    @property
    def end(self) -> int:
        return 0 if self.embedded is None else self.embedded.end


def validate(
    *,
    path: str,
    roots: int,
    intermediates: int,
    at: str,
    own: Sequence[Sequence[int]] = (),
    stamp_roots: int = 0,
    blobs: tuple[bytes, ...] = (),
) -> dict[str, Any]:
    """The facts of `validation.Verdict` as JSON; `own` are the revisions that we made."""
    chosen = roots + intermediates
    trust = Trust(
        blobs[:roots],
        blobs[roots:chosen],
        blobs[chosen + stamp_roots :],
        datetime.fromisoformat(at),
        blobs[chosen : chosen + stamp_roots],
    )
    with Path(path).open("rb") as file:
        small = file.seek(0, io.SEEK_END) <= IN_MEMORY_BYTES
        file.seek(0)
        stream: Any = BytesIO(file.read()) if small else file
        try:
            reader: Any = PdfFileReader(stream, strict=False)
            if reader.encrypted:
                return {"unreadable": "encrypted"}
            fields = [
                (str(name), reference)
                for name, value, reference in enumerate_sig_fields(reader, filled_status=True)
                if value is not None
            ]
            pages = int(reader.root["/Pages"]["/Count"])
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  # what a parser meets in a damaged file is undocumented
            return {"unreadable": "damaged"}
        found = [_read(reader, name, reference) for name, reference in fields]
        if found:
            _Document(reader, trust, own, found).examine()
    found.sort(key=lambda one: one.end)
    return {"pages": pages, "signatures": [vars(one.facts) for one in found]}


def _read(reader: Any, name: str, reference: Any) -> _Found:
    """The field; without `data` when there is no signature to be read in it."""
    found = _Found(facts=Facts(field_name=name), reference=reference)
    try:
        embedded = Embedded(reader, reference.get_object(), name)
        found.embedded = embedded
        if str(entry_of(embedded.sig_object, "/Type", "/Sig")) == "/DocTimeStamp":
            found.facts.kind = "timestamp"
        data = cms_reader.read(bytes(embedded.pkcs7_content))
        if found.facts.kind == "timestamp":
            found.token = signed_data.token_of(data)
        found.data = data
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # a forged structure can raise anything
        found.facts.outcome, found.facts.findings = "invalid", ["broken"]
    return found


class _Document:
    """The signatures of one document while they are examined."""

    def __init__(
        self, reader: Any, trust: Trust, own: Sequence[Sequence[int]], found: list[_Found]
    ) -> None:
        self.reader = reader
        self.trust = trust
        self.found = sorted(found, key=lambda one: one.end)
        partial = sum(1 for one in found if one.embedded and not one.embedded.covers_all)
        self.afterwards = Afterwards(reader, own, partial)
        try:
            store = store_of(reader)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  # a damaged store is none
            store = past_task.Store()
        self.past = Past(trust=trust, store=store)
        names = Counter(one.facts.field_name for one in found)
        values = Counter(one.embedded.reference for one in found if one.embedded)
        self.doubled = [
            one
            for one in found
            if names[one.facts.field_name] > 1
            or (one.embedded is not None and values[one.embedded.reference] > 1)
        ]

    def examine(self) -> None:
        """All facts are filled; time stamps first, the newest of them before all others."""
        stamps = [one for one in reversed(self.found) if one.facts.kind == "timestamp"]
        signatures = [one for one in self.found if one.facts.kind == "signature"]
        for one in (*stamps, *signatures):
            if one.data is None or one.embedded is None:
                continue
            try:
                examination = Examination(
                    self.past, self.afterwards, one.facts, one.embedded, one.data, one.token
                )
                examination.run()
                if one.facts.integrity == "intact":
                    one.facts.changes = self.changes_after(one)
            except MemoryError:
                raise
            except Exception:  # noqa: BLE001  # a forged structure can raise anything
                one.facts.integrity, one.facts.outcome = "broken", "invalid"
                one.facts.ades, one.facts.level = "FORMAT_FAILURE", ""
                one.facts.findings.insert(0, "broken")
        for one in self.doubled:
            one.facts.outcome, one.facts.ades = "invalid", "FORMAT_FAILURE"
            one.facts.findings.insert(0, "doubled")

    def changes_after(self, signature: _Found) -> list[str]:
        """What each later revision added, oldest first, each kind once."""
        assert signature.embedded is not None
        kinds = {one.embedded.signed_revision: one.facts.kind for one in self.found if one.embedded}
        store = self.store_revisions
        found: dict[str, None] = {}
        xrefs = self.reader.xrefs
        for revision in range(signature.embedded.signed_revision + 1, xrefs.total_revisions):
            if revision in store:
                found["material"] = None
            if revision in kinds:
                found[kinds[revision]] = None
            elif revision not in store:
                found["fields" if self.afterwards.is_ours(revision) else "other"] = None
        if signature.facts.coverage_after == "changed":
            found["content"] = None
        return list(found)

    @cached_property
    def store_revisions(self) -> set[int]:
        """Those in which the document security store or something in it was written."""
        last_change = self.reader.xrefs.get_last_change
        try:
            store = self.reader.root.raw_get("/DSS")
            found = {last_change(store.reference)} if hasattr(store, "reference") else set()
            for key in ("/Certs", "/CRLs", "/OCSPs"):
                for item in raw_items(entry_of(self.reader.root["/DSS"], key, ())):
                    found.add(last_change(item.reference))
        except (KeyError, AttributeError):
            return set()
        return found
