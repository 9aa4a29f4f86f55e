"""What must be fast, measured as ratios beside its peers: P1 to P7.

``python -m benchmarks`` runs them all and writes ``RESULTS.md``; each module is a script of its own
as well: ``python -m benchmarks.new_tree``. They need the test extras.
"""
