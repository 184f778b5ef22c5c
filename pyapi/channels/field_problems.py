"""Says in plain words what pydantic found wrong, field by field, without repeating what was sent."""

from collections.abc import Iterable, Mapping
from typing import Any

from pyapi.channels.fields import PATTERN_PROBLEMS

_TYPES = {
    "missing": "is required",
    "json_invalid": "must be valid JSON",
    "model_attributes_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "string_type": "must be text",
    "string_unicode": "must be valid Unicode",
    "string_too_short": "must not be empty",
    "bool_type": "must be true or false",
    "uuid_parsing": "must be a UUID",
    "uuid_type": "must be a UUID",
}


def field_problems(errors: Iterable[Mapping[str, Any]], skip: int = 0) -> dict[str, str]:
    """The first problem of each field, by the field's name; ``body`` when it is no single field's.

    Args:
        errors: what errors() of pydantic's ValidationError or FastAPI's RequestValidationError gives.
        skip: steps of each location that lead to the field: 1 for FastAPI (``body``, ``query``, ``path``).
    """
    problems: dict[str, str] = {}
    for error in errors:
        steps = error["loc"][skip:]
        name = steps[0] if steps and isinstance(steps[0], str) else "body"
        problems.setdefault(name, _sentence(error))
    return problems


def _sentence(error: Mapping[str, Any]) -> str:
    context = error.get("ctx") or {}
    match error["type"]:
        case "string_pattern_mismatch" if context["pattern"] in PATTERN_PROBLEMS:
            return PATTERN_PROBLEMS[str(context["pattern"])]
        case "string_too_long":
            return f"must have {context['max_length']} characters at most"
        case "value_error":
            return str(context["error"])
    return _TYPES.get(error["type"]) or str(error["msg"])
