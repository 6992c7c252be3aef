"""Exports of many analyses: page after page, never all of them in memory, no transaction longer than a page."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import structlog

from app.domain.analyses import Analysis, Filter
from app.domain.errors import ExportsBusy
from app.services.analyses import Analyses, Page

log = structlog.get_logger(__name__)

#: Seconds after which a refused export may be tried again.
_RETRY_AFTER = 5.0


class Export:
    """What was asked for, newest first, once. Close it: others wait for the place."""

    def __init__(self, analyses: Analyses, wanted: Filter, done: Callable[[], None]) -> None:
        self._analyses = analyses
        self._wanted = wanted
        self._done = done
        self._closed = False
        # now, so that what is wrong can still be said
        self._page: Page = analyses.list(wanted)

    def __iter__(self) -> Iterator[tuple[Analysis, ...]]:
        """Pages. Raises `StorageUnavailable` also in the middle."""
        count = 0
        while True:
            count += len(self._page.items)
            yield self._page.items
            if self._page.next_before is None:
                log.info("export_finished", analyses=count)
                return
            self._page = self._analyses.list(replace(self._wanted, before=self._page.next_before))

    def close(self) -> None:
        """It is over, however it ended."""
        if not self._closed:
            self._closed = True
            self._done()


class Exports:
    """Begin. `room`: how many at a time, in this process; `page`: analyses read in one transaction."""

    def __init__(self, analyses: Analyses, *, room: int, page: int) -> None:
        self._analyses = analyses
        self._room = threading.Semaphore(room)
        self._page = page

    def begin(self, wanted: Filter) -> Export:
        """Raises `ExportsBusy`, `StorageUnavailable`."""
        if not self._room.acquire(blocking=False):
            raise ExportsBusy(retry_after=_RETRY_AFTER)
        try:
            return Export(self._analyses, replace(wanted, limit=self._page), self._room.release)
        except BaseException:
            self._room.release()
            raise
