"""`python -m tests.chaos.brokers FILE`: a mock of Kafka in a process of its own, whose brokers can go away.

FILE holds `up` or `down`, and the address. SIGUSR1: away; SIGUSR2: back, with all they hold; SIGTERM: the end.
"""

import os
import signal
import sys
from pathlib import Path

from app.embedded.mock_kafka import MockKafka

AWAY, BACK = signal.SIGUSR1, signal.SIGUSR2


def main(file: Path) -> None:
    """The process."""
    signals = {signal.SIGTERM, signal.SIGINT, AWAY, BACK}
    # before any thread of the library is there, so that the signals come to this one
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with MockKafka() as kafka:
        deeds = {AWAY: (kafka.down, "down"), BACK: (kafka.up, "up")}
        _say(file, f"up {kafka.bootstrap_servers}")
        while (number := signal.Signals(signal.sigwait(signals))) in deeds:
            do, state = deeds[number]
            do()
            _say(file, f"{state} {kafka.bootstrap_servers}")


def _say(file: Path, text: str) -> None:
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
