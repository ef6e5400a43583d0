"""The page's own description for programs: OpenAPI 3.1, made from the declarations and from the desk as it is now."""

from typing import Any

from installation.actions import ACTIONS
from installation.desk import Desk
from installation.knobs import KNOBS
from installation.page.hands import ON_OFF, possible

Schema = dict[str, Any]
ERROR: Schema = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
NUMBER: Schema = {"type": ["number", "null"]}
TEXT: Schema = {"type": "string"}
WHY = {
    400: "not HTTP, or not JSON",
    401: "the token is missing or wrong",
    403: "asked for by a name that is not this machine's, from another page, or not allowed in kiosk mode",
    408: "the body did not come in time",
    409: "this page cannot do it: it has no desk, or nothing that reads snapshots",
    413: "the body is too large",
    415: "another content type is expected",
    422: "there is no such action, or the value is out of range",
    429: "too often; the header Retry-After says when, in seconds",
    503: "no picture was shown yet, or none of late",
}


def description(desk: Desk | None, *, version: str, token: str | None) -> Schema:
    """The document.  ``token``: the cookie's name where the page asks for a token, else None."""
    paths: dict[str, Schema] = {
        "/": {"get": _reads("The page itself.", {"text/html": TEXT})},
        "/page.css": {"get": _reads("Its style.", {"text/css": TEXT})},
        "/page.js": {"get": _reads("Its script.", {"text/javascript": TEXT})},
        "/openapi.json": {"get": _reads("This description.", _json({"type": "object", "required": ["openapi"]}))},
        "/controls.json": {"get": _reads("Every control: name, range, unit, help.", _json(_CONTROLS))},
        "/state.json": {"get": _reads("How every control stands.", _json(_STATE))},
        "/status.json": {"get": _reads("How the show is doing.", _json(_STATUS))},
        "/metrics": {"get": _reads("The same figures for Prometheus.", {"text/plain": TEXT})},
        "/healthz": {
            "get": _reads("Whether the wall was refreshed in the last seconds; asks for no token.", _json(_OK), 503)
            | {"security": []}
        },
        "/picture.jpg": {"get": _reads("The picture as it is now.", {"image/jpeg": {}}, 503)},
        "/picture.mjpeg": {
            "get": _reads("The live picture, without end.", {"multipart/x-mixed-replace; boundary=picture": {}})
        },
        "/do": {"post": _do(desk)},
        "/snapshot": {"post": _snapshot()},
    }
    if token is not None:
        paths["/login"] = {"post": _login()}
    for path, operations in paths.items():
        for operation in operations.values():
            answers = operation["responses"]
            if token is None or path == "/healthz":
                answers.pop("401", None)
    document: Schema = {
        "openapi": "3.1.0",
        "info": {
            "title": "Dreamwall",
            "version": version,
            "description": "What the operator's page does, for programs.  What changes something needs the header "
            "Origin of this page, or the token as Authorization: Bearer where there is one.",
        },
        "paths": paths,
    }
    if token is not None:
        document["components"] = {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": token},
            }
        }
        document["security"] = [{"bearer": []}, {"cookie": []}]
    return document


def action_schemas(desk: Desk) -> list[Schema]:
    """One for each knob with its range, one for the switches, one for whatever is pressed."""
    kinds = possible(desk)
    schemas = [
        _action([name], {"type": "number", "minimum": knob.low, "maximum": knob.high}, knob.help, ("action", "value"))
        for name, knob in KNOBS.items()
        if name in kinds
    ]
    switches = [name for name, kind in kinds.items() if kind == "switch"]
    told = "; ".join(f"{name}: {ACTIONS[name].help}" for name in switches)
    schemas.append(_action(switches, {"enum": list(ON_OFF), "default": 1}, told))
    pressed = [name for name, kind in kinds.items() if kind == "trigger"]
    schemas.append(_action(pressed, {"enum": list(ON_OFF), "default": 1}, "Acts when pressed; 0 does nothing."))
    return schemas


def _action(names: list[str], value: Schema, told: str, required: tuple[str, ...] = ("action",)) -> Schema:
    return {
        "type": "object",
        "description": told,
        "required": list(required),
        "properties": {"action": {"enum": names}, "value": value},
        "additionalProperties": False,
    }


def _do(desk: Desk | None) -> Schema:
    body: Schema = {"oneOf": action_schemas(desk)} if desk is not None else {"type": "object"}
    done: Schema = {
        "type": "object",
        "required": ["action", "value"],
        "properties": {"action": TEXT, "value": {"type": "number"}},
    }
    return {
        "summary": "Turn a knob, flip a switch, recall a program: done before the next refresh.",
        "requestBody": {"required": True, "content": _json(body)},
        "responses": _answers({202: _json(done)}, 400, 401, 403, 408, 409, 413, 415, 422, 429),
    }


def _snapshot() -> Schema:
    done: Schema = {"type": "object", "required": ["said"], "properties": {"said": TEXT}}
    return {
        "summary": "Recall the look that a snapshot was kept with.",
        "requestBody": {"required": True, "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}},
        "responses": _answers({200: _json(done)}, 400, 401, 403, 408, 409, 413, 415, 422, 429),
    }


def _login() -> Schema:
    form: Schema = {"type": "object", "required": ["token"], "properties": {"token": TEXT}}
    return {
        "summary": "Give the token, get the cookie.",
        "security": [],
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": _answers({200: {"text/html": {"schema": TEXT}}}, 400, 401, 403, 408, 413, 429),
    }


def _reads(summary: str, content: dict[str, Schema], *more: int) -> Schema:
    content = {media: (inner if "schema" in inner else {"schema": inner}) for media, inner in content.items()}
    answers = _answers({200: content}, 400, 401, 403, 429)
    for status in more:
        answers[str(status)] = {"description": WHY[status], "content": _json({"type": "object"})}
    return {"summary": summary, "responses": answers}


def _answers(done: dict[int, Schema], *refused: int) -> Schema:
    answers: Schema = {str(status): {"description": "done", "content": content} for status, content in done.items()}
    for status in refused:
        content = _json(ERROR)
        if status == 400:
            content |= {"text/plain": {"schema": TEXT}}
        if status in {401, 429}:
            content |= {"text/html": {"schema": TEXT}}
        answers[str(status)] = {"description": WHY[status], "content": content}
    answers["405"] = {"description": "no such method here", "content": _json(ERROR)}
    return answers


def _json(schema: Schema) -> dict[str, Schema]:
    return {"application/json": {"schema": schema}}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


_OK = _object(ok={"type": "boolean"})
_CONTROLS = _object(
    kiosk={"type": "boolean"},
    revision=TEXT,
    groups=_list(_object(name=TEXT, knobs=_list(TEXT))),
    knobs=_list(
        _object(
            name=TEXT,
            low={"type": "number"},
            high={"type": "number"},
            begin={"type": "number"},
            unit=TEXT,
            digits={"type": "integer"},
            cc={"type": ["integer", "null"]},
            help=TEXT,
        )
    ),
    actions=_list(_object(name=TEXT, kind={"enum": ["switch", "trigger", "numbered"]}, help=TEXT)),
    programs=_list(_object(number={"type": "integer"}, name=TEXT)),
    picture=_object(allowed={"type": "boolean"}, at_once={"type": "boolean"}),
    snapshots={"type": "boolean"},
)
_STATE = _object(
    knobs={"type": "object", "additionalProperties": {"type": "array", "items": {"type": "number"}}},
    switches={"type": "object", "additionalProperties": {"type": "boolean"}},
    program={"type": ["integer", "null"]},
    learning={"type": ["string", "null"]},
    revision=TEXT,
)
_STATUS = _object(
    status=TEXT,
    refreshes={"type": "integer"},
    age_s=NUMBER,
    frame={"type": ["integer", "null"]},
    watchers={"type": "integer"},
    hud=_list(TEXT),
    rates=_list(_object(name=TEXT, per_second={"type": "number"})),
    lines=_list(_list(TEXT)),
    events=_list(_object(ago_s=NUMBER, what=TEXT, count={"type": "integer"})),
    temperatures={"type": "object", "additionalProperties": {"type": "number"}},
    vitals={"type": "object"},
)
