import type { Icon } from "./generated/switchover/catalog/v1/applications_pb";

/** The most bytes that the contract takes. */
export const PICTURE_MAX = 64 * 1024;
const KINDS = ["image/png", "image/svg+xml"] as const;

/** Writes a picture as an address that holds it; empty for none. */
export function addressOf(icon: Icon | undefined): string {
  if (icon === undefined || icon.data.length === 0) return "";
  const kind = KINDS.find((known) => known === icon.mediaType);
  if (kind === undefined) return "";
  const letters = Array.from(icon.data, (byte) => String.fromCharCode(byte)).join("");
  return `data:${kind};base64,${btoa(letters)}`;
}

/** Reads such an address again. */
export function pictureOf(address: string): { mediaType: string; data: Uint8Array<ArrayBuffer> } | undefined {
  const found = /^data:([^;]+);base64,(.*)$/.exec(address);
  if (found === null) return undefined;
  const [, mediaType = "", text = ""] = found;
  return { mediaType, data: Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)) };
}

/** Reads a file that somebody chose. */
export async function readPicture(
  file: Blob,
): Promise<{ readonly address: string } | { readonly wrong: "kind" | "large" }> {
  if (!KINDS.some((kind) => kind === file.type)) return { wrong: "kind" };
  if (file.size > PICTURE_MAX) return { wrong: "large" };
  const data = new Uint8Array(await file.arrayBuffer());
  return { address: addressOf({ $typeName: "switchover.catalog.v1.Icon", mediaType: file.type, data }) };
}
