"""``seatrial check``: judges the files of any repository, without a cluster and without configuration.

:mod:`seatrial.check.engine` does the work and gives a :class:`seatrial.check.report.Report`; :mod:`seatrial.check.command` is the
command around it.
"""
