"""What comes out about the bridges to Kafka."""

from marshmallow import Schema, fields


def _about(text: str, **more: object) -> dict[str, object]:
    return {"description": text, **more}


class PartitionSchema(Schema):
    """One partition of the requests."""

    topic = fields.String()
    partition = fields.Integer()
    committed = fields.Integer(allow_none=True, metadata=_about("First offset that is not committed; null: not known."))
    end = fields.Integer(allow_none=True, metadata=_about("Offset of the next record that will come; null: not known."))
    lag = fields.Integer(allow_none=True, metadata=_about("Records that are not committed; null: not known."))
    paused = fields.Boolean()


class BridgeSchema(Schema):
    """One process. Its counts begin with its start."""

    name = fields.String()
    started_at = fields.AwareDateTime()
    seen_at = fields.AwareDateTime(metadata=_about("When it last spoke of itself."))
    connected = fields.Boolean(metadata=_about("It reaches the brokers, and the topics are there."))
    reading = fields.Boolean(
        metadata=_about("False: it has no partitions, enough is waiting, or the database is away.")
    )
    detail = fields.String()
    received = fields.Integer(metadata=_about("Records read."))
    accepted = fields.Integer(metadata=_about("Of these, new analyses."))
    known = fields.Integer(metadata=_about("Of these, redelivered."))
    dead = fields.Integer(metadata=_about("Of these, dead letters."))
    published = fields.Integer(metadata=_about("Results and dead letters that the brokers acknowledged."))
    partitions = fields.List(fields.Nested(PartitionSchema))
    unheld = fields.List(
        fields.Nested(PartitionSchema),
        metadata=_about("Partitions of the requests that no bridge holds, as it sees them."),
    )
    unheld_seconds = fields.Float(metadata=_about("For how long there have been some."))


class StatusSchema(Schema):
    """The bridges together."""

    configured = fields.Boolean(metadata=_about("This web process knows of a Kafka."))
    ok = fields.Boolean(metadata=_about("A bridge reaches Kafka and each partition is held, or none is wanted."))
    detail = fields.String()
    waiting = fields.Integer(metadata=_about("Events that are still to be published."))
    dead = fields.Integer(metadata=_about("Events that Kafka will never take."))
    replays = fields.Integer(metadata=_about("Replayed dead letters that the next bridge takes in."))
    bridges = fields.List(fields.Nested(BridgeSchema))
