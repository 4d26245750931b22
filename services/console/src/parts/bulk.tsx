import { useState } from "preact/hooks";
import { useDeed } from "../ask";
import { batches, newRequestId } from "../client";
import { readList, type Row } from "../csv";
import type { Application } from "../generated/switchover/catalog/v1/applications_pb";
import { BatchOutcome, type BatchResult } from "../generated/switchover/provisioning/v1/batches_pb";
import { t } from "../language";
import { idOf } from "../router";
import { Badge } from "./badge";
import { Dialog } from "./dialog";
import { Buttons, Choices, Form, Text, wrongWith } from "./fields";
import { Command } from "./notes";
import { Table } from "./table";

type What = "provide" | "take";
const WRONG_SHOWN = 10;

/** Adds an application to many customers at once, or removes it from them. */
export function Bulk({ application, onClose }: { readonly application: Application; readonly onClose: () => void }) {
  const [what, setWhat] = useState<What>("provide");
  const [list, setList] = useState("");
  const [reason, setReason] = useState("");
  const [tried, setTried] = useState(false);
  const [results, setResults] = useState<readonly BatchResult[] | undefined>(undefined);
  const [requestId, setRequestId] = useState(newRequestId);
  const deed = useDeed();
  const read = readList(list);
  const rows = "rows" in read ? read.rows : [];

  const send = (): void => {
    setTried(true);
    if (rows.length === 0) return;
    void deed.run(async () =>
      setResults(
        what === "provide"
          ? await provide(application, rows, requestId)
          : await take(application, rows, reason, requestId),
      ),
    );
  };
  // Another list is another request; the same one sent again is harmless.
  const edit = (text: string): void => {
    setList(text);
    setRequestId(newRequestId());
  };

  if (results !== undefined) return <Results of={results} onClose={onClose} />;
  return (
    <Dialog title={t.bulk.title} onClose={onClose} wide>
      <Form
        onSend={send}
        fault={deed.fault}
        foot={
          <Buttons
            send={rows.length === 0 ? t.act.add : t.bulk.send(rows.length)}
            busy={deed.busy}
            onCancel={onClose}
          />
        }
      >
        <Choices
          legend={t.bulk.what}
          value={what}
          onValue={setWhat}
          options={[
            { value: "provide", label: t.bulk.provide },
            { value: "take", label: t.bulk.take },
          ]}
        />
        <Text
          label={t.bulk.list}
          hint={t.bulk.listHint}
          sample={"anna\nbert"}
          rows={8}
          code
          value={list}
          onValue={edit}
          wrong={wrongWith(deed.fault, "tenants") ?? (tried ? wrongLines(read) : undefined)}
        />
        {rows.length > 0 && (
          <p class="soft" role="status">
            {t.bulk.read(rows.length)}
          </p>
        )}
        {what === "take" && (
          <Text
            label={t.act.reason}
            hint={t.provisioning.removeReasonHint}
            value={reason}
            onValue={setReason}
            max={500}
            wrong={wrongWith(deed.fault, "reason")}
          />
        )}
        <Command
          text={`switchover provisionings ${what === "provide" ? "add-many" : "remove-many"} tenants.csv ${idOf(application.name)}`}
        />
      </Form>
    </Dialog>
  );
}

async function provide(
  application: Application,
  rows: readonly Row[],
  requestId: string,
): Promise<readonly BatchResult[]> {
  const version = application.activeVersion === "" ? application.testVersion : application.activeVersion;
  const tenants = rows.map((row) => ({
    tenant: `tenants/${row.tenant}`,
    displayName: row.displayName,
    contacts: row.contacts.map((email) => ({ email })),
    consentReference: row.onRecord,
  }));
  return (await batches.batchProvide({ version, tenants, requestId })).results;
}

async function take(
  application: Application,
  rows: readonly Row[],
  reason: string,
  requestId: string,
): Promise<readonly BatchResult[]> {
  return (
    await batches.batchRemove({
      application: application.name,
      tenants: rows.map((row) => `tenants/${row.tenant}`),
      reason,
      requestId,
    })
  ).results;
}

function wrongLines(read: ReturnType<typeof readList>): string | undefined {
  if (!("wrong" in read)) return undefined;
  return read.wrong
    .slice(0, WRONG_SHOWN)
    .map(({ line, why, text }) => `${t.bulk.line} ${line}${text === "" ? "" : ` (${text})`}: ${t.bulk.wrong[why]}`)
    .join(" · ");
}

function Results({ of, onClose }: { readonly of: readonly BatchResult[]; readonly onClose: () => void }) {
  return (
    <Dialog title={t.bulk.results} onClose={onClose} wide>
      <Table
        caption={t.bulk.results}
        rows={of}
        keyOf={({ tenant }) => tenant}
        columns={[
          { title: t.provisioning.tenant, heads: true, cell: ({ tenant }) => idOf(tenant) },
          {
            title: t.bulk.outcome,
            cell: ({ outcome, message, reason }) => (
              <>
                <Badge
                  tone={outcome === BatchOutcome.FAILED ? "bad" : outcome === BatchOutcome.UNCHANGED ? "plain" : "good"}
                >
                  {t.bulk.outcomes[outcome]}
                </Badge>
                {message !== "" && <span class="cell-under">{t.faults.reasons[reason] ?? message}</span>}
              </>
            ),
          },
        ]}
      />
      <div class="dialog-foot">
        <button type="button" class="button button-main" onClick={onClose}>
          {t.act.close}
        </button>
      </div>
    </Dialog>
  );
}
