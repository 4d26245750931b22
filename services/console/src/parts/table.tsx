import type { ComponentChildren } from "preact";

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Numbers stand at the end, so that their digits align. */
  readonly numeric?: boolean;
  /** The column that names the row. */
  readonly heads?: boolean;
  /** Buttons: the title is for those who cannot see that. */
  readonly actions?: boolean;
  /** Holds what does not break well, such as an address. */
  readonly wide?: boolean;
}

interface Props<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly marked?: (row: Row) => boolean;
}

/** A table; on a narrow screen each row stands as a block of its own, and is a row of a table still. */
export function Table<Row>({ caption, columns, rows, keyOf, marked }: Props<Row>) {
  return (
    <div class="table-frame">
      <table class="table" role="table">
        <caption class="hidden">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ title, numeric, actions }) => (
              <th key={title} scope="col" role="columnheader" class={numeric ? "numeric" : undefined}>
                {actions ? <span class="hidden">{title}</span> : title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={keyOf(row)} role="row" class={marked?.(row) ? "marked" : undefined}>
              {columns.map((column) => (
                <Cell key={column.title} column={column} row={row} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell<Row>({ column, row }: { readonly column: Column<Row>; readonly row: Row }) {
  const looks = [
    column.numeric && "numeric",
    column.actions && "cell-actions",
    column.heads && "cell-head",
    column.wide && "cell-wide",
  ]
    .filter(Boolean)
    .join(" ");
  const inner = (
    <>
      {!column.actions && !column.heads && (
        <span class="cell-title" aria-hidden="true">
          {column.title}
        </span>
      )}
      <span class="cell-value">{column.cell(row)}</span>
    </>
  );
  return column.heads ? (
    <th scope="row" role="rowheader" class={looks}>
      {inner}
    </th>
  ) : (
    <td role="cell" class={looks}>
      {inner}
    </td>
  );
}
