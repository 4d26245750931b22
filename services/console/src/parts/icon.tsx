/** The drawings of the console: lines on a field of 24. */
const DRAWINGS = {
  applications: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  tenants:
    "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.5-3.6 3-5.5 6.5-5.500s6 1.9 6.5 5.500M16 4.500a3.5 3.5 0 0 1 0 6.200M18 14.800c2 .7 3.2 2.5 3.5 5.2",
  inbox: "M3 13l3-8h12l3 8v6H3zM3 13h5.500l1.5 2.500h4l1.5-2.500H21",
  gateways: "M4 5h16v5H4zM4 14h16v5H4zM7.5 7.500h.01M7.5 16.500h.01M11 7.500h5M11 16.500h5",
  deliveries: "M3 5.500h18v13H3zM3.5 6l8.5 7 8.5-7",
  audit: "M6 3h9l4 4v14H6zM14.5 3v4.500H19M9 12h7M9 16h7",
  testing: "M9.5 3h5M10.5 3v6L5 18.500c-.8 1.4.1 2.5 1.5 2.500h11c1.4 0 2.3-1.1 1.5-2.500L13.5 9V3M8 15h8",
  notices: "M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 20.500h4",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
  check: "M5 12.500l4.5 4.500L19 7.5",
  arrow: "M5 12h14M13 6l6 6-6 6",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l4.5 4.5",
  warn: "M12 4l9 16H3zM12 10v4.500M12 17.300h.01",
  copy: "M8 8h12v12H8zM4 16V4h12",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.500c.6-4 3.5-6 7.5-6s6.9 2 7.5 6",
} as const;

export type Drawing = keyof typeof DRAWINGS;

/** A drawing beside a word: it says nothing that the word does not. */
export function Icon({ of, class: looks = "icon" }: { readonly of: Drawing; readonly class?: string }) {
  return (
    <svg class={looks} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={DRAWINGS[of]} />
    </svg>
  );
}
