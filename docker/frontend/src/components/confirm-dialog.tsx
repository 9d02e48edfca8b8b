"use client";

import { useEffect, useRef } from "react";

interface Props {
  question: string;
  /** Name of the button that means yes. */
  action: string;
  onConfirm: () => void;
  /** Called in any case. */
  onClose: () => void;
}

/** Asks before something is lost. The browser keeps the focus inside, and gives it back. */
export function ConfirmDialog({ question, action, onConfirm, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);

  useEffect(() => dialog.current?.showModal(), []);

  function closed() {
    onClose();
    if (dialog.current?.returnValue === "yes") onConfirm();
  }

  return (
    <dialog ref={dialog} className="card" aria-labelledby="question" onClose={closed}>
      <form method="dialog">
        <p id="question">{question}</p>
        <div className="choices">
          <button type="submit" className="primary danger" value="yes">
            {action}
          </button>
          <button type="submit" className="quiet" value="no">
            Keep
          </button>
        </div>
      </form>
    </dialog>
  );
}
