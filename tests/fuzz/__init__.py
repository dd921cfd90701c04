"""Odd inputs at every boundary: what reads them ends with a documented error, or does its work.

``mutation`` makes inputs that are near valid ones, ``targets`` has what reads them, ``judge`` says what may come
of it. ``tests/unit/test_fuzz.py`` tries each target some times; ``python -m tests.fuzz SECONDS`` goes on for long.
"""
