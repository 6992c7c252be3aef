"""How an ended analysis goes again, by whatever door that is asked for."""

from collections.abc import Mapping

from app.domain.analyses import Source

#: What an UPDATE of `analysis_results` sets. The higher epoch is what the trigger `ended_is_ended` asks for. The
#: deadline was a wish for the first time and is over: nobody would ever see an answer.
AGAIN = """status = 'queued', stage = 'prepare', epoch = epoch + 1, attempt = 0, throttles = 0, run_at = now(),
    rung_at = NULL, rings = 0, cancel_requested_at = NULL, deadline_at = NULL, started_at = NULL, finished_at = NULL,
    duration_seconds = NULL, error = NULL, model = NULL, degraded = false, response = NULL, severity = NULL,
    diagnosis = NULL, coverage = NULL, usage = NULL, leader_id = NULL, discarded_at = NULL,
    waits_since = NULL, replays = least(replays + 1, 32767)"""
#: What of an ended one must still be there; retention may have deleted it.
READABLE = "(log_content IS NOT NULL OR log_zstd IS NOT NULL)"
#: (source, provider) of every source that has somebody to answer it.
ROUTES = "unnest(CAST(:sources AS text[]), CAST(:providers AS text[])) AS route (source, provider)"


def routes(providers: Mapping[Source, str]) -> dict[str, object]:
    """The values of `ROUTES`."""
    return {"sources": [str(source) for source in providers], "providers": list(providers.values())}
