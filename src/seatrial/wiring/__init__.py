"""The wiring of a chart: who refers to whom across its files, and what that will do to the application's users.

``judge.judge(Given(...))`` builds the graph and applies every rule; ``explain`` tells of one rule. Nothing here does I/O.
"""
