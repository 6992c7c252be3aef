"""What each provider says it has."""

import threading
import time

import pytest

from app.clock import SystemClock
from app.domain.analyses import Source
from app.providers.rules import Rules
from app.services.models import Models
from app.services.routing import Routing
from tests.support.model_server import MODELS, closed_port

pytestmark = pytest.mark.integration


def test_ollama_lists_its_models(make):
    offer = make("ollama").offer()
    assert (offer.listed, offer.models, offer.model) == (True, tuple(sorted(MODELS)), "m")


def test_an_openai_compatible_server_lists_its_models(make, server):
    server.list_models(200, {"data": [{"id": "b"}, {"id": "a"}, {"id": "a"}, {"id": 7}, "c"]})
    offer = make("openai_compatible").offer()
    assert (offer.listed, offer.models) == (True, ("a", "b"))


@pytest.mark.parametrize(("status", "content"), [(404, {}), (200, {"data": "no list"}), (401, {"error": "no"})])
def test_who_does_not_tell_is_listed_with_the_model_we_know(make, server, status, content):
    server.list_models(status, content)
    offer = make("openai_compatible").offer()
    assert (offer.listed, offer.models) == (False, ("m",))
    assert "lists no models" in offer.detail


def test_who_is_away_is_listed_with_the_model_we_know_in_bounded_time(make, each):
    began = time.monotonic()
    offer = make(each, url=f"http://127.0.0.1:{closed_port()}").offer()
    assert time.monotonic() - began < 3.5
    assert (offer.listed, offer.models) == (False, (offer.model,))
    assert offer.detail


class Slow(Rules):
    """Counts how often it is asked, and takes its time."""

    asked = 0

    def offer(self):
        self.asked += 1
        time.sleep(0.2)
        return super().offer()


def test_what_was_asked_is_remembered_and_asked_once_by_many(make):
    slow = Slow()
    providers = {"ollama": make("ollama"), "rules": slow}
    models = Models(providers, Routing(providers=providers, auto=("ollama",)), keep=60, clock=SystemClock())
    threads = [threading.Thread(target=models.list) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    offered = {one.offer.provider: one.sources for one in models.list()}
    assert offered == {"ollama": (Source.LOCAL, Source.AUTO), "rules": (Source.RULES,)}
    assert slow.asked == 1
