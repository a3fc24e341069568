"""How an operation of the API is declared: one decorator that names everything about it.

This is the only file that touches flask-smorest, which has no types of its own. It also mends two
habits of it: a body is refused when it is missing or of another kind, and query parameters that
nobody knows are an error instead of being ignored.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar
from urllib.parse import unquote

import marshmallow as ma
from flask import Flask, current_app, request
from flask_smorest import Api, Blueprint  # type: ignore[import-untyped]  # it ships no types
from flask_smorest.fields import Upload  # type: ignore[import-untyped]  # it ships no types
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy
from werkzeug.datastructures import FileStorage

from signer.accounts import Permission
from signer.api import problems
from signer.api.access import authenticate
from signer.api.problems import SaidHTTPError
from signer.doors import LARGEST_ID, Access, marked
from signer.errors import N_
from signer.services import services

JSON_LIMIT_BYTES = 1024 * 1024
"""More than any list of 500 people needs."""
_FRAMING_BYTES = 64 * 1024
"""What a multipart body may need around the file itself."""

_JSON, _FORM = "application/json", "multipart/form-data"
_View = TypeVar("_View", bound=Callable[..., Any])  # a view returns whatever Flask can answer
_NEEDS = "signer_needs"

ID = ma.validate.Range(1, LARGEST_ID)

# What the queries of several lists ask for, each list keeping its own order of fields.
UNIT_BELOW = ma.fields.String(metadata={"description": "Unit code; with everything below it"})
AFTER = ma.fields.String(metadata={"description": "`next` of the page before"})
BEFORE = ma.fields.Integer(validate=ID, metadata={"description": "The last id of the page before"})
LIMIT = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, 200))
NEXT = ma.fields.String(required=True, allow_none=True)
"""Of a page's answer: what `AFTER` takes."""


class Schema(ma.Schema):
    """Keeps the order of its fields and refuses fields nobody knows."""

    class Meta:
        unknown = ma.RAISE


class File(Upload):  # type: ignore[misc]  # flask-smorest ships no types
    """One file of a multipart body."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> FileStorage:
        if not isinstance(value, FileStorage):
            raise ma.ValidationError(N_("Trường này phải là một tệp gửi lên."))
        return value


class FieldProblem(Schema):
    """One complaint about one field."""

    field = ma.fields.String(required=True)
    detail = ma.fields.String(required=True)


class Problem(Schema):
    """A problem document (RFC 9457)."""

    type = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    detail = ma.fields.String(required=True)
    errors = ma.fields.List(ma.fields.Nested(FieldProblem))


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What the body of an operation must be, and how large it may get."""

    content_type: str | None = None
    limit: str | None = None
    """The setting that holds the number of bytes; JSON has its own limit."""


class Operations:
    """A group of operations under one tag of the documentation."""

    def __init__(self, tag: str, description: str, *, prefix: str = "/api/v1") -> None:
        name = "api_" + tag.replace("-", "_")
        self.tag = tag
        self.blueprint = _Blueprint(name, __name__, url_prefix=prefix, description=description)
        self.blueprint.before_request(_admit)
        problems.register_on(self.blueprint)

    def get(
        self,
        rule: str,
        access: Access | Permission,
        *,
        query: type[ma.Schema] | None = None,
        answer: ma.Schema | None = None,
        content_type: str = _JSON,
    ) -> Callable[[_View], _View]:
        """The view answers GET; the fields of `query` arrive as keyword arguments."""
        shown = answer if content_type == _JSON else _BINARY
        return self._operation(
            "GET", rule, access, ("query", query), shown, content_type=content_type
        )

    def post(
        self,
        rule: str,
        access: Access | Permission,
        *,
        body: type[ma.Schema] | None = None,
        upload: type[ma.Schema] | None = None,
        limit: str = "upload_limit_bytes",
        answer: ma.Schema | None = None,
        status: int = 200,
    ) -> Callable[[_View], _View]:
        """The view answers POST; the fields of the JSON body or of the form with files arrive as
        keyword arguments. `limit` names the setting that holds the bytes an upload may have."""
        taken = ("multipart", upload) if upload else ("json", body)
        kind = _FORM if upload else _JSON if body else None
        needs = Needs(content_type=kind, limit=limit if upload else None)
        return self._operation("POST", rule, access, taken, answer, status=status, needs=needs)

    def delete(self, rule: str, access: Access | Permission) -> Callable[[_View], _View]:
        """The view answers DELETE with nothing."""
        return self._operation("DELETE", rule, access, status=204)

    def _operation(
        self,
        method: str,
        rule: str,
        granted: Access | Permission,
        taken: tuple[str, type[ma.Schema] | None] = ("", None),
        shown: ma.Schema | dict[str, str] | None = None,
        *,
        status: int = 200,
        content_type: str = _JSON,
        needs: Needs = Needs(),  # frozen
    ) -> Callable[[_View], _View]:
        blueprint, (location, schema) = self.blueprint, taken
        access = Access(permission=granted) if isinstance(granted, Permission) else granted

        def declare(view: _View) -> _View:
            words = _described(access) | {"operationId": view.__name__}
            operation: Any = blueprint.doc(**words)(view)
            if schema is not None:
                takes = blueprint.arguments(schema, location=location, as_kwargs=True)
                operation = takes(operation)
            operation = blueprint.response(status, shown, content_type=content_type)(operation)
            setattr(marked(operation, access), _NEEDS, needs)
            address = rule.replace("<id:", f"<int(max={LARGEST_ID}):")
            blueprint.route(address, methods=[method], tags=[self.tag])(operation)
            return view

        return declare


def make_api(app: Flask, groups: tuple[Operations, ...], *, title: str, version: str) -> Api:
    """The groups are served by the application and described in one OpenAPI 3.1 document."""
    app.config.update(API_TITLE=title, API_VERSION=version, OPENAPI_VERSION="3.1.0")
    api = _Api(app)
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    for group in groups:
        api.register_blueprint(group.blueprint, name=group.blueprint.name)
    # Tags carry the words of the documentation; the blueprints' own names are Flask's business.
    api.spec._tags = [{"name": g.tag, "description": g.blueprint.description} for g in groups]
    return api


def uploads_and_fields(req: Any, schema: ma.Schema) -> MultiDictProxy:
    """The fields and files of a multipart form as one mapping."""
    together = req.form.copy()
    for _, text in req.form.items(multi=True):
        _refuse_unstorable(text)
    for key, file in req.files.items(multi=True):
        together.add(key, file)
    return MultiDictProxy(together, schema)


class _Parser(FlaskParser):
    def __init__(self) -> None:
        super().__init__(unknown=ma.RAISE)  # wherever it stands: a misspelt filter is no filter
        self.__location_map__ = {**FlaskParser.__location_map__, "multipart": uploads_and_fields}

    def _raw_load_json(self, req: Any) -> Any:
        try:
            found = super()._raw_load_json(req)
            _refuse_unstorable(json.dumps(found, ensure_ascii=False) if found else "")
            return found
        except RecursionError as error:  # the json module's answer to a million brackets
            raise SaidHTTPError(400, N_("Nội dung JSON lồng quá nhiều tầng.")) from error


class _Blueprint(Blueprint):  # type: ignore[misc]  # flask-smorest ships no types
    ARGUMENTS_PARSER = _Parser()
    DEFAULT_LOCATION_CONTENT_TYPE_MAPPING: ClassVar[dict[str, str]] = {
        **Blueprint.DEFAULT_LOCATION_CONTENT_TYPE_MAPPING,
        "multipart": "multipart/form-data",
    }


class _Api(Api):  # type: ignore[misc]  # flask-smorest ships no types
    """Errors are ours: only their description is handed to the document."""

    def _register_error_handlers(self) -> None:
        """None on the application: the pages have their own."""

    def _register_doc_blueprint(self) -> None:
        """None: `docs` serves the document and its page, under this door's own rules."""

    def _register_responses(self) -> None:
        for status in HTTPStatus:
            self.spec.components.response(status.name, _problem_of(status.phrase), lazy=True)
        self.spec.components.response(
            self.DEFAULT_ERROR_RESPONSE_NAME, _problem_of("Problem"), lazy=True
        )


_BINARY = {"type": "string", "format": "binary"}


def _problem_of(description: str) -> dict[str, object]:
    return {"description": description, "content": {problems.CONTENT_TYPE: {"schema": Problem}}}


def _described(access: Access) -> dict[str, object]:
    """What the document says about who may call."""
    if access.permission is not None:
        return {"security": [{"bearer": []}], "x-permission": access.permission.value}
    return {"security": [{"bearer": []}] if access.signed_in else []}


def _admit() -> None:
    """Before every operation: who is calling, and is there a body where one is needed."""
    view = current_app.view_functions[request.endpoint or ""]
    needs = getattr(view, _NEEDS, Needs())
    allowed = JSON_LIMIT_BYTES
    if needs.limit is not None:
        allowed = int(getattr(services().settings, needs.limit)) + _FRAMING_BYTES
    request.max_content_length = allowed
    _refuse_unstorable(request.path + unquote(request.query_string.decode("ascii", "replace")))
    authenticate()
    if request.content_length is not None and request.content_length > allowed:
        raise SaidHTTPError(
            413,
            N_("Nội dung gửi lên vượt quá %(limit)d MB cho phép."),
            limit=allowed // 1024 // 1024,
        )
    if needs.content_type is None:
        return
    if not request.content_length and not request.headers.get("Transfer-Encoding"):
        raise SaidHTTPError(400, N_("Yêu cầu này phải có nội dung, nhưng nội dung đang trống."))
    if request.mimetype != needs.content_type:
        raise SaidHTTPError(415, N_("Nội dung phải có kiểu %(wanted)s."), wanted=needs.content_type)


def _refuse_unstorable(text: str) -> None:
    """Raises for text that no database takes: NUL (also as JSON writes it) and half characters."""
    if "\x00" in text or "\\u0000" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise SaidHTTPError(400, N_("Yêu cầu có ký tự không phải là văn bản."))
