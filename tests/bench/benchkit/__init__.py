"""The speed benchmark: `make bench`, or `.venv/bin/python tests/bench`.

Read in this order: `payload` (what travels), `upstream` and `load` (the two ends, on the load core), `subjects` (what
is measured, on the subject core), `rounds` (what is done with each subject), `report` (ratios and verdicts).
"""
