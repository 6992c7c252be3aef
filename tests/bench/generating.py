"""A log of a service as large as one wants it: requests with ids and addresses, warnings, errors with their traces."""

import random
from collections.abc import Callable

_LOGGERS = ("orders.OrderController", "carts.CartService", "users.SessionFilter", "stock.StockRepository")
_FRAMES = (
    "com.example.shop.orders.OrderService.create(OrderService.java:{})",
    "com.example.shop.stock.StockRepository.reserve(StockRepository.java:{})",
    "com.example.shop.web.RequestFilter.doFilter(RequestFilter.java:{})",
    "org.example.web.Dispatcher.dispatch(Dispatcher.java:{})",
    "java.base/java.lang.Thread.run(Thread.java:{})",
)


def generated_log(megabytes: float, seed: int = 7) -> str:
    """So many million characters, the same ones for the same seed."""
    chance = random.Random(seed)
    size = left = int(megabytes * 1_000_000)
    parts: list[str] = []
    while left > 0:
        part = _record(chance)
        parts.append(part)
        left -= len(part)
    return "".join(parts)[:size]


def _record(chance: random.Random) -> str:
    at = f"2026-03-01T{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}"
    thread, drawn = chance.randrange(200), chance.random()
    head = f"{at}.{chance.randrange(1000):03}Z {{}} [http-nio-8080-exec-{thread}] com.example.shop."
    return next(make for share, make in _KINDS if drawn < share)(chance, head)


def _request(chance: random.Random, head: str) -> str:
    asked = (
        f"{chance.choice(('GET', 'POST'))} {chance.choice(('/orders', '/users', '/carts'))}/{chance.randrange(9000)}"
    )
    status = chance.choices((200, 201, 304, 404), (94, 3, 2, 1))[0]
    return (
        f"{head.format('INFO ')}{chance.choice(_LOGGERS)} : {asked} {status} {chance.randrange(900)}ms"
        f" request={chance.getrandbits(64):016x} client={_address(chance)} bytes={chance.randrange(90000)}\n"
    )


def _slow(chance: random.Random, head: str) -> str:
    return (
        f"{head.format('WARN ')}db.Pool : slow query took {chance.randrange(9000)}ms on shard-{chance.randrange(16)}\n"
    )


def _refused(chance: random.Random, head: str) -> str:
    said = f"connection to {_address(chance)}:5432 refused, attempt {chance.randrange(9)}"
    return f"{head.format('ERROR')}db.Pool : {said}\n"


def _login(chance: random.Random, head: str) -> str:
    user, token = f"user{chance.randrange(9000)}@example.com", f"sk-{chance.getrandbits(128):032x}"
    return f"{head.format('INFO ')}users.Login : login of {user} token={token} from {_address(chance)}\n"


def _exception(chance: random.Random, head: str) -> str:
    frames = "".join(f"\tat {chance.choice(_FRAMES)}\n".format(chance.randrange(900)) for _ in range(12))
    return (
        f"{head.format('ERROR')}orders.OrderController : order {chance.randrange(10**6)} failed"
        f" request={chance.getrandbits(64):016x}\n"
        f"com.example.shop.OutOfStockException: article {chance.randrange(10**4)} is out of stock\n{frames}"
    )


def _address(chance: random.Random) -> str:
    return f"10.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}"


#: The share of records up to which a kind is drawn.
_KINDS: tuple[tuple[float, Callable[[random.Random, str], str]], ...] = (
    (0.93, _request),
    (0.97, _slow),
    (0.99, _refused),
    (0.995, _login),
    (1.0, _exception),
)
