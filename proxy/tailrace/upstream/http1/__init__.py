"""An HTTP/1.1 client for one purpose: few hosts, long-lived connections, bodies passed on as they come.

Why not aiohttp's: docs/decisions/002-own-keep-alive-pool.md.
"""

from tailrace.upstream.http1.connection import BadHttp, Disconnected, Response, Truncated
from tailrace.upstream.http1.dial import CannotConnect, Origin
from tailrace.upstream.http1.pool import ConnectionPool

__all__ = ["BadHttp", "CannotConnect", "ConnectionPool", "Disconnected", "Origin", "Response", "Truncated"]
