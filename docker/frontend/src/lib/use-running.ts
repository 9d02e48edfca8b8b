import { useSyncExternalStore } from "react";

const never = () => () => {};

/** Whether this script has taken the page over: until then a button of its forms would have the browser reload the page. */
export function useRunning(): boolean {
  return useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
}
