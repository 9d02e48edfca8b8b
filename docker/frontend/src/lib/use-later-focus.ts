"use client";

import { useEffect, useState } from "react";

/** Return a function that, once the page has changed, focuses the element with an id, if the one that had the focus is gone. */
export function useLaterFocus(): (id: string) => void {
  /** An object, so that the same id twice is two wishes. */
  const [wish, setWish] = useState<{ id: string }>();

  useEffect(() => {
    if (wish && document.activeElement === document.body) document.getElementById(wish.id)?.focus();
  }, [wish]);

  return (id) => setWish({ id });
}
