"""The benchmark of the caches: `make bench-caches`, or `.venv/bin/python tests/bench/caches.py`.

Read in this order: `subjects` (which proxies), `plan` (how much of what), `exact` and `semantic` (what is done with
them, over HTTP, from the load core), `filling` and `inside` (programs of their own, on the subject core, for what
cannot be done over HTTP in reasonable time), `table` (what comes out, and what was asked). The ends, the load and the
machine are `benchkit`'s.
"""
