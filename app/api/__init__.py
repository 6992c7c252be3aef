"""HTTP for programs: one file per resource, no logic."""

from app.api import (
    analyses,
    audit,
    batches,
    budgets,
    dead_letters,
    exports,
    feedback,
    health,
    heimdall,
    keys,
    logs,
    metrics,
    models,
    openapi,
    prompts,
    reports,
    shortcuts,
    statistics,
    webhooks,
)

#: Every resource of the OpenAPI document.
BLUEPRINTS = (
    analyses.blueprint,
    exports.blueprint,
    batches.blueprint,
    reports.blueprint,
    logs.blueprint,
    feedback.blueprint,
    prompts.blueprint,
    dead_letters.blueprint,
    webhooks.blueprint,
    statistics.blueprint,
    models.blueprint,
    shortcuts.blueprint,
    heimdall.blueprint,
    keys.blueprint,
    keys.own,
    budgets.blueprint,
    audit.blueprint,
    health.blueprint,
)
#: What serves programs that read no OpenAPI, and the document itself.
UNDOCUMENTED = (metrics.blueprint, openapi.blueprint)
