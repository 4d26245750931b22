import { linesOf } from "./lines";

/** Somebody who is told and may decide. */
export interface Contact {
  readonly email: string;
  readonly displayName: string;
}

/** Writes contacts as they are typed: one a line, `address = name`. */
export function sayContacts(contacts: readonly Contact[]): string {
  return contacts
    .map(({ email, displayName }) => (displayName === "" ? email : `${email} = ${displayName}`))
    .join("\n");
}

/** Reads contacts as they are typed. */
export function readContacts(text: string): Contact[] {
  return linesOf(text).map((line) => {
    const at = line.indexOf(" =") >= 0 ? line.indexOf(" =") + 1 : line.indexOf("=");
    return at < 0
      ? { email: line, displayName: "" }
      : { email: line.slice(0, at).trim(), displayName: line.slice(at + 1).trim() };
  });
}
