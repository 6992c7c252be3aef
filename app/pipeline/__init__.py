"""Log text to prompt, and a model's answer to a grounded diagnosis: pure functions, no I/O.

`steps.STEPS` is the policy: what happens to a log, in order. Each step has a file of its own.
"""

#: Goes up whenever the same log would give another prompt or another reading: older cached answers end with it.
PIPELINE_VERSION = 4
