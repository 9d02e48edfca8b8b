"""The Docker engine: an existing one, or a private one that lives as long as a run needs it."""

from seatrial.toolchain.engine.choose import Engine, EngineLease, EngineSurvey, Programs, connect, survey_engine, sweep

__all__ = ["Engine", "EngineLease", "EngineSurvey", "Programs", "connect", "survey_engine", "sweep"]
