"""HTTP for programs: one file per resource, no logic."""

from app.api import analyses, dead_letters, health, metrics, openapi, statistics

#: Every resource of the OpenAPI document.
BLUEPRINTS = (analyses.blueprint, dead_letters.blueprint, statistics.blueprint, health.blueprint)
#: What serves programs that read no OpenAPI, and the document itself.
UNDOCUMENTED = (metrics.blueprint, openapi.blueprint)
