"use client";

interface Props {
  message: string;
  /** A button beside it. */
  action?: { name: string; run: () => void } | undefined;
}

/** A sentence about what did not work, read out at once. */
export function Alert({ message, action }: Props) {
  return (
    <div className="alert" role="alert">
      <p>{message}</p>
      {action && (
        <button type="button" className="quiet" onClick={action.run}>
          {action.name}
        </button>
      )}
    </div>
  );
}
