/** The image's HEALTHCHECK: exit 0 where /api/health answers 200. */
const answer = await fetch(`http://127.0.0.1:${process.env.PORT || 3000}/api/health`, {
  signal: AbortSignal.timeout(3000),
});
process.exit(answer.ok ? 0 : 1);
