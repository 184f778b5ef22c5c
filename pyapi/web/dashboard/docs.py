"""The API's documentation at /docs, drawn by a Swagger UI that is served from here and not from another host."""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Request, Response

from pyapi.web.dashboard.view import page

# Of the package fastapi-offline only the files are used: its page has a script inline.
SWAGGER_FILES = Path(str(files("fastapi_offline").joinpath("static")))

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def show_docs(request: Request) -> Response:
    """Swagger UI on the OpenAPI document."""
    return page(request, "docs.html", title=request.app.title, openapi_url=request.app.openapi_url)
