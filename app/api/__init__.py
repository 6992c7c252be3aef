"""HTTP for programs: one file per resource, no logic."""

from app.api import analyses, health, metrics, openapi

#: Every resource. The first two are in the OpenAPI document.
BLUEPRINTS = (analyses.blueprint, health.blueprint)
#: What serves programs that read no OpenAPI, and the document itself.
UNDOCUMENTED = (metrics.blueprint, openapi.blueprint)
