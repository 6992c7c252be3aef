"""Where the API and the servers are: the settings, else what the last `bifrost-cli up` remembered."""

from typing import TYPE_CHECKING

from app.cli.exits import Stop
from app.settings import Database, Kafka, Redis, Settings, load

if TYPE_CHECKING:
    from app.client import Client

_NOWHERE = "No Bifrost server is known here. Run `bifrost-cli up`, or set BIFROST_URL and BIFROST_API_KEY."
_NO_DATABASE = "No database is known here. Run `bifrost-cli up`, or set BIFROST_DATABASE_URL and BIFROST_REDIS_URL."


def connect() -> "Client":
    """The client of the API."""
    from app.client import Client, ConnectionInvalid
    from app.state import read_state

    settings = load()
    state = read_state(settings.data_dir)
    url = (settings.client.url or "").strip() or (state.url if state else None)
    if url is None:
        raise Stop(_NOWHERE)
    key = settings.client.api_key.get_secret_value().strip() if settings.client.api_key else None
    if not key and state and state.url == url:
        # only the server that gave the key is told the key
        key = state.api_key
    try:
        return Client(url, key, settings.client.timeout)
    except ConnectionInvalid as error:
        raise Stop(str(error)) from error


def administrative() -> Settings:
    """The settings, with a database and a broker. For commands that work without the API."""
    from app.state import read_state

    settings = load()
    state = read_state(settings.data_dir)
    if state and settings.database.url is None:
        remembered = {"url": state.database_url}
        database = Database.model_validate(settings.database.model_dump() | remembered)
        settings = settings.model_copy(update={"database": database})
    if state and settings.redis.url is None:
        redis = Redis.model_validate({"url": state.redis_url})
        settings = settings.model_copy(update={"redis": redis})
    settings = settings.model_copy(update={"kafka": kafka(settings)})
    if settings.database.url is None:
        raise Stop(_NO_DATABASE)
    return settings


def kafka(settings: Settings) -> Kafka:
    """Kafka as configured, or as the last `up` had it."""
    from app.state import read_state

    state = read_state(settings.data_dir)
    if settings.kafka.bootstrap_servers or state is None:
        return settings.kafka
    return settings.kafka.model_copy(update={"bootstrap_servers": state.kafka})


def remembered_environ() -> dict[str, str]:
    """Variables for a process that shall use what was remembered; empty where the settings say more."""
    from app.state import read_state

    settings = load()
    state = read_state(settings.data_dir)
    if state is None:
        return {}
    database = {} if settings.database.url else {"BIFROST_DATABASE_URL": state.database_url}
    return database | ({} if settings.redis.url else {"BIFROST_REDIS_URL": state.redis_url})


def database_url(settings: Settings) -> str:
    """The address, its password included: never print it."""
    if settings.database.url is None:
        raise Stop(_NO_DATABASE)
    return settings.database.url.get_secret_value()
