"""The page of the HTTP calls, from the API's OpenAPI document."""

from typing import Any

from pydantic import SecretStr

from pyapi.settings import SECRET_BYTES, Settings
from pyapi.web.app import create_app
from tools.reference.markdown import code, head, table

_ANYTHING = r"^[^\x00]*$"


def page() -> str:
    """The page."""
    # Nothing connects: the document needs the settings' form only.
    settings = Settings(database_url="postgresql:///none", jwt_secret_key=SecretStr("x" * SECRET_BYTES))
    document = create_app(settings).openapi()
    return "\n".join(
        [
            head(
                "HTTP calls",
                "A summary of the API's OpenAPI document. The running API serves all of it, with an example of each"
                " answer, at `/docs` and `/openapi.json`. [The channel API](../api.md) is the introduction. Bodies are"
                " JSON. Every call except login and health needs `Authorization: Bearer …`.",
            ),
            *(
                _call(f"{method.upper()} {path}", operation, document)
                for path, methods in document["paths"].items()
                for method, operation in methods.items()
            ),
        ]
    )


def _call(name: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    answers = [[status, _codes(answer)] for status, answer in operation["responses"].items()]
    parts = [
        f"## {name}\n",
        f"{operation.get('description') or operation['summary']}\n",
        _fields(operation, document),
        table(["answer", "`code` of the error"], answers),
    ]
    return "\n".join(part for part in parts if part)


def _codes(answer: dict[str, Any]) -> str:
    return ", ".join(code(name) for name in answer["content"]["application/json"].get("examples", {}))


def _fields(operation: dict[str, Any], document: dict[str, Any]) -> str:
    rows = [
        _field(one["name"], one["in"], one["schema"], one.get("required")) for one in operation.get("parameters", [])
    ]
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        body = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        needed = body.get("required", [])
        rows += [_field(name, "body", field, name in needed) for name, field in body["properties"].items()]
    return table(["field", "in", "what it is", "needed"], rows)


def _field(name: str, place: str, schema: dict[str, Any], needed: bool | None) -> list[str]:
    return [code(name), place, _type(schema), "yes" if needed else ""]


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(code(str(value)) for value in schema["enum"])
    pattern = schema.get("pattern", _ANYTHING)
    parts = [
        str(schema.get("format") or schema.get("type") or ""),
        _span(schema, "minLength", "maxLength", " characters"),
        _span(schema, "minimum", "maximum", ""),
        code(pattern) if pattern != _ANYTHING else "",
    ]
    return ", ".join(part for part in parts if part)


def _span(schema: dict[str, Any], low: str, high: str, unit: str) -> str:
    least, most = (f"{schema[key]:.15g}" if key in schema else "" for key in (low, high))
    if least and most:
        return f"{least} to {most}{unit}"
    return f"at least {least}{unit}" if least else f"at most {most}{unit}" if most else ""
