const PATHS = {
  chat: "M2.5 3.5h11v8h-6l-3 2.5v-2.5h-2z",
  check: "M3 8.5l3.2 3.2L13 4.5",
  list: "M2.5 4.5l1 1 2-2M7.5 4.5h6M2.5 11l1 1 2-2M7.5 11h6",
  pen: "M3 13l.7-2.9L10.8 3a1.5 1.5 0 0 1 2.2 2.2l-7.1 7.1z",
  plus: "M8 3v10M3 8h10",
  trash: "M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.6 9h6.8l.6-9M6.7 7v4M9.3 7v4",
  warning: "M8 4v5M8 12v.1",
};

export type IconName = keyof typeof PATHS;

/** A drawing beside a name, or in a button that has one. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
