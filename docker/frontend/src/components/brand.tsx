/** The application's mark and name. */
export function Brand() {
  return (
    <span className="brand">
      <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
        <rect width="32" height="32" rx="8" />
        <path d="M9 16.5l5 5 9.5-11" />
      </svg>
      Todo
    </span>
  );
}
