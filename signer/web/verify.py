"""The public check: anybody's PDF, one sentence with a colour, then the details."""

from flask import render_template
from flask.typing import ResponseReturnValue

from signer.doors import PUBLIC
from signer.services import services
from signer.web.forms import FormError
from signer.web.pages import Pages
from signer.web.uploads import uploaded_pdfs

blueprint = Pages("verify", __name__)


@blueprint.page("/verify", PUBLIC)
def verify_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The form; nobody needs to log in to check a document."""
    return render_template("verify/index.html", errors=errors)


@blueprint.form("/verify", PUBLIC, again=verify_page)
def verify() -> ResponseReturnValue:
    """The verdict on the uploaded file; the file itself is not kept."""
    with uploaded_pdfs("document") as (upload, *_others):
        verdict = services().signing.verify(upload.path)
        return render_template(
            "verify/verdict.html",
            verdict=verdict,
            file_name=upload.name,
            size_bytes=upload.size_bytes,
            sha256=upload.sha256,
        )
