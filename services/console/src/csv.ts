/** One tenant of a list. */
export interface Row {
  readonly tenant: string;
  readonly displayName: string;
  readonly contacts: readonly string[];
  readonly onRecord: string;
}

/** What may be wrong with a line. */
export type Wrong = "tenant" | "twice" | "column" | "columns" | "quote" | "many" | "empty";

/** A list as it was read: its tenants, or what is wrong with which line. */
export type Read =
  | { readonly rows: readonly Row[] }
  | { readonly wrong: readonly { readonly line: number; readonly why: Wrong; readonly text: string }[] };

const COLUMNS = ["tenant", "display_name", "contacts", "on_record"];
const TENANT = /^[a-z][a-z0-9]{1,7}$/;
const ROWS_MAX = 500;

interface Record {
  readonly line: number;
  readonly cells: readonly string[];
  readonly open: boolean;
}

/** Reads CSV whose first line names the columns, or short names alone, one a line. */
export function readList(text: string): Read {
  const records = split(text.replace(/^\uFEFF/, "")).filter(({ cells }) => cells.some((cell) => cell !== ""));
  const first = records[0];
  if (first === undefined) return { wrong: [{ line: 1, why: "empty", text: "" }] };
  const named = first.cells.includes("tenant");
  const columns = named ? first.cells : ["tenant"];
  const unknown = columns.find((column) => !COLUMNS.includes(column));
  if (unknown !== undefined) return { wrong: [{ line: first.line, why: "column", text: unknown }] };

  const rows: Row[] = [];
  const wrong: { line: number; why: Wrong; text: string }[] = [];
  const seen = new Set<string>();
  for (const { line, cells, open } of named ? records.slice(1) : records) {
    const of = (column: string): string => cells[columns.indexOf(column)] ?? "";
    const tenant = of("tenant").replace(/^tenants\//, "");
    const why = fault(cells, columns, open, tenant, seen);
    if (why !== undefined) wrong.push({ line, why, text: tenant });
    seen.add(tenant);
    const contacts = of("contacts")
      .split(";")
      .map((contact) => contact.trim())
      .filter((contact) => contact !== "");
    rows.push({ tenant, displayName: of("display_name"), contacts, onRecord: of("on_record") });
  }
  if (rows.length === 0) return { wrong: [{ line: 1, why: "empty", text: "" }] };
  if (rows.length > ROWS_MAX) wrong.push({ line: ROWS_MAX + 1, why: "many", text: "" });
  return wrong.length > 0 ? { wrong } : { rows };
}

function fault(
  cells: readonly string[],
  columns: readonly string[],
  open: boolean,
  tenant: string,
  seen: ReadonlySet<string>,
): Wrong | undefined {
  if (open) return "quote";
  if (cells.length !== columns.length) return "columns";
  if (!TENANT.test(tenant)) return "tenant";
  return seen.has(tenant) ? "twice" : undefined;
}

/** Splits CSV (RFC 4180) into records; a cell in quotation marks may hold commas, line ends and doubled marks. */
function split(text: string): Record[] {
  const records: Record[] = [];
  let cells: string[] = [];
  let cell = "";
  let quoted = false;
  let wasQuoted = false;
  let line = 1;
  let began = 1;
  const endCell = (): void => {
    cells.push(wasQuoted ? cell : cell.trim());
    cell = "";
    wasQuoted = false;
  };
  const endRecord = (open: boolean): void => {
    endCell();
    records.push({ line: began, cells, open });
    cells = [];
  };
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at] ?? "";
    if (letter === "\n") line += 1;
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else quoted = false;
    } else if (letter === '"' && cell.trim() === "") {
      cell = "";
      quoted = true;
      wasQuoted = true;
    } else if (letter === ",") endCell();
    else if (letter === "\n") {
      endRecord(false);
      began = line;
    } else if (letter !== "\r") cell += letter;
  }
  endRecord(quoted);
  return records;
}
