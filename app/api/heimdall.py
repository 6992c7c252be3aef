"""How the bridge to Kafka is, for people."""

from typing import Any

from app.api import heimdall_schemas as schemas
from app.api.auth import needs
from app.api.context import caller, container
from app.api.parsing import Blueprint
from app.api.schemas import NothingSchema
from app.domain.errors import NotFound
from app.domain.keys import Scope

blueprint = Blueprint("heimdall", __name__, url_prefix="/api/v1/heimdall", description="Requests and results by Kafka.")


@blueprint.route("/status")
@needs(Scope.READ)
@blueprint.arguments(NothingSchema(), location="query")
@blueprint.response(200, schemas.StatusSchema())
def status(_nothing: dict[str, Any]) -> object:
    """Look at the bridges: whether they reach Kafka, how far behind they are, what they still have to publish.

    They speak of themselves every two seconds; one that is silent for 15 is not listed any more. What they do concerns
    the project `kafka.project`: a key of another one gets 404.
    """
    if caller().project != container().settings.kafka.project:
        raise NotFound("The bridges answer for another project: ask with a key of `kafka.project`.")
    return container().bridges.status()
