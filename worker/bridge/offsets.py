"""How far each partition is: stored in the database, and committed to the group."""

from collections.abc import Callable, Iterable

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from app.domain.records import Record
from worker.bridge.tally import Place


class Offsets:
    """Of one consumer, in its thread. Everything before a partition's stored offset is in the database."""

    def __init__(self, trouble: Callable[[KafkaError], None]) -> None:
        """`trouble` is told of commits that did not succeed; they are part of the next one."""
        self._trouble = trouble
        self._stored: dict[Place, int] = {}
        self._committed: dict[Place, int] = {}
        self._awaited = False

    def store(self, records: Iterable[Record]) -> None:
        """These are in the database."""
        for one in records:
            self._stored[one.topic, one.partition] = one.offset + 1

    def commit(self, client: Consumer) -> None:
        """Without waiting: a broker that is away would hold up everything. One at a time."""
        if self._awaited or self._stored == self._committed:
            return
        try:
            client.commit(offsets=self._open(self._stored), asynchronous=True)
            self._awaited = True
        except KafkaException as error:
            self._trouble(error.args[0])

    def answered(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        """To a commit."""
        self._awaited = False
        for one in offsets:
            if error is None and one.error is None:
                self._committed[one.topic, one.partition] = one.offset
        # a commit that met a rebalance belongs to somebody else now
        self._committed = {place: offset for place, offset in self._committed.items() if place in self._stored}

    def finish(self, client: Consumer, places: Iterable[Place]) -> None:
        """Commit these before they go to another bridge, and wait for the answer."""
        offsets = self._open(place for place in places if place in self._stored)
        if offsets:
            try:
                client.commit(offsets=offsets, asynchronous=False)
            except KafkaException as error:
                # the next owner reads these again, and the database knows them
                self._trouble(error.args[0])

    def forget(self, places: Iterable[Place]) -> None:
        """They are not ours any more."""
        for place in places:
            self._stored.pop(place, None)
            self._committed.pop(place, None)

    def restart(self) -> None:
        """Another client: it answers for no commit of the one before it."""
        self._awaited = False

    def _open(self, places: Iterable[Place]) -> list[TopicPartition]:
        """Those stored and not committed."""
        return [
            TopicPartition(*place, self._stored[place])
            for place in places
            if self._committed.get(place) != self._stored[place]
        ]
