"""How much of what was decided is kept on the disk."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept, for how long, and how long somebody waits for it.

    `session_rows`, `session_bytes`: of one session; more than twice what the memory holds of one, or it is begun anew
    over and over. `most_bytes`: of the file. `idle_s`: how long a session is kept that nobody uses. `pending_bytes`: of
    what waits to be written, beyond which it is dropped. `load_s`: the longest wait of a request. `retry_s`: how long
    a disk that failed is left alone. `sweep_s`: how often what is too old or too much is deleted.
    """

    session_rows: int = 50_000
    session_bytes: int = 16_777_216
    most_bytes: int = 1_073_741_824
    idle_s: float = 7200.0
    pending_bytes: int = 67_108_864
    load_s: float = 2.0
    retry_s: float = 30.0
    sweep_s: float = 180.0
