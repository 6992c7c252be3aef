"""The Python client of Bifrost's HTTP API, which the command line uses too: `Client(url, api_key).submit(log)`."""

from app.client.administration import RemoteAdministration
from app.client.answers import RemoteAnalysis, Usage
from app.client.batches import ItemResult, NewItem, RemoteBatch, RemoteBatches
from app.client.client import Client, SubmitOptions, Submitted
from app.client.errors import ApiError, ClientError, ConnectionInvalid, ServerUnreachable, UnexpectedAnswer, WaitTimeout
from app.client.logs import Question, RemoteLogs, RemotePage, RemotePlan, RemoteRecord
from app.client.prompts import NewVersion, Prompt, PromptVersion, RemotePrompts
from app.client.shortcuts import Analyzed, RemoteOffer
from app.client.webhooks import Delivery, RemoteWebhooks

__all__ = [
    "Analyzed",
    "ApiError",
    "Client",
    "ClientError",
    "ConnectionInvalid",
    "Delivery",
    "ItemResult",
    "NewItem",
    "NewVersion",
    "Prompt",
    "PromptVersion",
    "Question",
    "RemoteAdministration",
    "RemoteAnalysis",
    "RemoteBatch",
    "RemoteBatches",
    "RemoteLogs",
    "RemoteOffer",
    "RemotePage",
    "RemotePlan",
    "RemotePrompts",
    "RemoteRecord",
    "RemoteWebhooks",
    "ServerUnreachable",
    "SubmitOptions",
    "Submitted",
    "UnexpectedAnswer",
    "Usage",
    "WaitTimeout",
]
