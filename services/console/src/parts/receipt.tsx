import { useAsk } from "../ask";
import { switches } from "../client";
import { number, took } from "../format";
import type { GetReceiptResponse, Switch } from "../generated/switchover/catalog/v1/switches_pb";
import { t } from "../language";
import { after, readReceipt, type Receipt } from "../receipt";
import { idOf } from "../router";
import { Facts } from "./facts";
import { Command, FaultNote, Skeleton } from "./notes";
import { Table } from "./table";

/** The receipt of a switch that has ended, as people read it, and as a file. */
export function ReceiptOf({ of }: { readonly of: Switch }) {
  const { answer, fault, again } = useAsk(`${of.name} receipt`, (signal) =>
    switches.getReceipt({ name: of.name }, { signal }),
  );
  return (
    <section class="section" aria-labelledby="receipt-title">
      <div class="section-head">
        <div>
          <h2 id="receipt-title">{t.receipt.title}</h2>
          <p class="soft">{t.receipt.intro}</p>
        </div>
        {answer !== undefined && (
          <button type="button" class="button" onClick={() => download(of, answer)}>
            {t.receipt.download}
          </button>
        )}
      </div>
      <FaultNote fault={fault} again={again} />
      {answer === undefined && fault === undefined && <Skeleton rows={2} />}
      {answer !== undefined && <Readable of={of} answer={answer} />}
    </section>
  );
}

function Readable({ of, answer }: { readonly of: Switch; readonly answer: GetReceiptResponse }) {
  const receipt = readReceipt(answer.json);
  if (receipt === undefined)
    return (
      <pre class="sheet sheet-padded">
        <code>{answer.json}</code>
      </pre>
    );
  const { requests } = receipt;
  const totals = [
    t.receipt.heldTotal(requests.held, took(requests.longest_hold_us / 1000)),
    t.receipt.finishedTotal(requests.finished),
    t.receipt.cutTotal(requests.cut),
    t.receipt.failedTotal(requests.failed),
  ];
  return (
    <div class="sheet sheet-padded">
      <Facts
        wide
        of={[
          [t.receipt.totals, <Lines key="totals" of={totals} />],
          [
            t.switch.tenants,
            <Lines
              key="tenants"
              of={[
                t.switch.tenantsMoved(number(receipt.tenants.moved), number(receipt.tenants.total)),
                t.switch.tenantsMailed(receipt.tenants.mailed),
                t.switch.tenantsDenied(receipt.tenants.denied),
              ]}
            />,
          ],
          [t.receipt.number, number(receipt.number)],
          [
            t.receipt.previous,
            receipt.previous_sha256 === "" ? (
              t.receipt.first
            ) : (
              <code key="previous">{receipt.previous_sha256.slice(0, 16)}…</code>
            ),
          ],
          [t.receipt.signedBy, <code key="key">{answer.keyId.slice(0, 16)}…</code>],
        ]}
      />
      <Times receipt={receipt} />
      <p class="soft">{t.receipt.sinceConfirm}</p>
      <p class="soft">{t.receipt.verify}</p>
      <Command text={`switchover switches verify-receipts receipt-${idOf(of.name)}.json`} />
    </div>
  );
}

function Lines({ of }: { readonly of: readonly string[] }) {
  return (
    <>
      {of.map((line) => (
        <span key={line} class="line-text">
          {line}
        </span>
      ))}
    </>
  );
}

function Times({ receipt }: { readonly receipt: Receipt }) {
  const time = (moment: string | null): string => {
    const since = after(receipt, moment);
    return since === undefined ? t.act.none : took(since);
  };
  type Row = Receipt["gateways"][number];
  return (
    <Table
      caption={t.receipt.title}
      rows={receipt.gateways}
      keyOf={({ gateway }) => gateway}
      columns={[
        { title: t.switch.gateway, heads: true, cell: ({ gateway }: Row) => idOf(gateway) },
        { title: t.receipt.ready, numeric: true, cell: (row: Row) => time(row.ready_at) },
        { title: t.receipt.held, numeric: true, cell: (row: Row) => time(row.held_at) },
        { title: t.receipt.released, numeric: true, cell: (row: Row) => time(row.released_at) },
        { title: t.receipt.drained, numeric: true, cell: (row: Row) => time(row.drained_at) },
        { title: t.receipt.waited, numeric: true, cell: (row: Row) => number(row.requests.held) },
        {
          title: t.switch.longestHold,
          numeric: true,
          cell: (row: Row) => (row.requests.held === 0 ? t.act.none : took(row.requests.longest_hold_us / 1000)),
        },
        { title: t.switch.finished, numeric: true, cell: (row: Row) => number(row.requests.finished) },
        { title: t.switch.cut, numeric: true, cell: (row: Row) => number(row.requests.cut) },
      ]}
    />
  );
}

/** Hands over the receipt with its signature, as the command line writes it. */
function download(of: Switch, answer: GetReceiptResponse): void {
  const said = { json: answer.json, signature: answer.signature, key_id: answer.keyId, public_key: answer.publicKey };
  const file = new Blob([`${JSON.stringify(said)}\n`], { type: "application/json" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = `receipt-${idOf(of.name)}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}
