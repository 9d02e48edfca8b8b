"""The acceptance criteria, one YAML file a milestone: the only place where criteria are written.

They are read by :func:`seatrial.criteria.load_catalogue`; ``python -m seatrial.catalogue`` prints them as a page.
"""
