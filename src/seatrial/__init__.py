"""seatrial: judges an application on Kubernetes and signs off milestones with evidence."""

__version__ = "0.1.0"
