"""Logs of one incident that differ in whatever differs from one time to the next."""

_LOG = """\
2026-05-{day:02}T10:00:01Z INFO {pod} orders started, build {number}
{noise}2026-05-{day:02}T10:00:02Z WARN {pod} connection to 192.0.2.{number} is slow: {number}7 ms
2026-05-{day:02}T10:00:03Z ERROR {pod} order {number}4711 failed: OOMKilled after {number} s
"""


def incident(number: int, *, more: str = "") -> str:
    """The same warnings and errors for each `number` (0 to 28), at other times, other places, in other lines.

    Line `number + 3` says OOMKilled. `more` is put at the end.
    """
    noise = f"2026-05-{number + 1:02}T10:00:02Z INFO healthy\n" * number
    pod = f"orders-7d9c5b6f{number % 10}-x2k8p"
    return _LOG.format(day=number + 1, number=number, pod=pod, noise=noise) + more
