import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { changed, useDeed } from "../ask";
import { newRequestId, switches } from "../client";
import { faultOf, type Fault } from "../fault";
import { list, span, took } from "../format";
import type { Application } from "../generated/switchover/catalog/v1/applications_pb";
import { SwitchKind, type PreviewSwitchResponse } from "../generated/switchover/catalog/v1/switches_pb";
import { t } from "../language";
import { go, idIn, idOf, pathOf } from "../router";
import { Dialog } from "./dialog";
import { Text, wrongWith } from "./fields";
import { FaultNote, Note, Skeleton } from "./notes";

interface Props {
  readonly application: Application;
  readonly version: string;
  readonly onClose: () => void;
}

/** Shows what a switch would do, asks Yes or No, and begins exactly what was shown. */
export function ConfirmSwitch({ application, version, onClose }: Props) {
  const [preview, setPreview] = useState<PreviewSwitchResponse | undefined>(undefined);
  const [fault, setFault] = useState<Fault | undefined>(undefined);
  const [stale, setStale] = useState(false);
  const [reason, setReason] = useState("");
  const [requestId] = useState(newRequestId);
  const deed = useDeed();

  const look = async (): Promise<void> => {
    setFault(undefined);
    try {
      setPreview(await switches.previewSwitch({ version }));
    } catch (thrown) {
      setFault(faultOf(thrown));
    }
  };
  useEffect(() => void look(), [version]);

  const confirm = async (shown: PreviewSwitchResponse): Promise<void> => {
    let name = "";
    let outdated = false;
    const done = await deed.run(async () => {
      const request = { version, requestId, reason, etag: shown.etag };
      try {
        const answer =
          shown.kind === SwitchKind.REACTIVATE
            ? await switches.confirmReactivate(request)
            : await switches.confirmUpdate(request);
        name = answer.switch?.name ?? "";
      } catch (thrown) {
        outdated = faultOf(thrown).kind === "changed";
        throw thrown;
      }
    });
    if (done) go(pathOf("applications", idOf(application.name), "switches", idOf(name)));
    else if (outdated) {
      // Nobody confirms what they have not seen: it is shown as it is now, and asked again.
      deed.clear();
      setStale(true);
      changed();
      await look();
    }
  };

  const id = idOf(version);
  const back = preview?.kind === SwitchKind.REACTIVATE;
  const refused = preview !== undefined && preview.refused !== "";
  return (
    <Dialog title={back ? t.preview.reactivateTitle(id) : t.preview.updateTitle(id)} onClose={onClose} wide>
      <FaultNote fault={fault} again={() => void look()} />
      {preview === undefined && fault === undefined && <Skeleton rows={4} />}
      {stale && (
        <Note tone="warn">
          <p>{t.preview.stale}</p>
        </Note>
      )}
      {preview !== undefined && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void confirm(preview);
          }}
        >
          <Impact of={preview} />
          {refused && (
            <Note tone="warn">
              <p class="note-title">{t.preview.refusedNow}</p>
              <p lang={t.faults.reasons[preview.refusedReason] === undefined ? "en" : undefined}>
                {t.faults.reasons[preview.refusedReason] ?? preview.refused}
              </p>
            </Note>
          )}
          {!refused && (
            <Text
              label={t.act.reason}
              hint={t.act.reasonHint}
              value={reason}
              onValue={setReason}
              max={500}
              wrong={wrongWith(deed.fault, "reason")}
            />
          )}
          <FaultNote fault={deed.fault} />
          <div class="dialog-foot dialog-foot-ask">
            {!refused && <p class="dialog-question">{t.preview.ask}</p>}
            <button type="button" class="button" onClick={onClose}>
              {refused ? t.act.close : t.act.no}
            </button>
            {!refused && (
              <button type="submit" class="button button-main" aria-disabled={deed.busy}>
                {deed.busy ? t.act.busy : t.act.yes}
              </button>
            )}
          </div>
        </form>
      )}
    </Dialog>
  );
}

/** What a switch would do, as of now. */
function Impact({ of }: { readonly of: PreviewSwitchResponse }) {
  const texts = t.preview;
  const tenants = of.tenants;
  const counts: readonly (readonly [bigint, (count: bigint) => string])[] =
    tenants === undefined
      ? []
      : [
          [tenants.admitted, texts.admitted],
          [tenants.asked, texts.asked],
          [tenants.denied, texts.denied],
          [tenants.failing, texts.failing],
        ];
  const moved = [
    texts.moved(tenants?.total ?? 0n),
    ...counts.filter(([count]) => count > 0n).map(([count, text]) => text(count)),
  ];
  const mailed = tenants?.mailed ?? 0n;
  const open = of.longLived?.connections ?? 0n;
  const roles = (keep: (before: string | undefined, after: string | undefined) => boolean): string[] =>
    of.roles.filter(({ before, after }) => keep(before, after)).map(({ name }) => name);
  const rows: (readonly [string, ComponentChildren])[] = [
    [texts.from, of.sourceVersion === "" ? t.act.none : idIn(of.sourceVersion, "versions")],
    [texts.to, <b key="to">{idIn(of.targetVersion, "versions")}</b>],
    [
      texts.health,
      of.unhealthy === "" ? (
        <span class="is-good">{texts.healthy}</span>
      ) : (
        <span class="is-bad" lang="en">
          {of.unhealthy}
        </span>
      ),
    ],
    [texts.tenants, <Lines key="tenants" of={moved} />],
    [texts.mails, mailed === 0n ? texts.noMails : texts.mailed(mailed)],
    [texts.newRoles, named(roles((before) => before === undefined))],
    [texts.goneRoles, named(roles((_, after) => after === undefined))],
    [texts.rewordedRoles, named(roles((before, after) => before !== undefined && after !== undefined))],
    [texts.newScopes, named(of.scopesAdded)],
    [texts.goneScopes, named(of.scopesRemoved)],
    [texts.connections, open === 0n ? texts.connectionsNone : texts.connectionsOpen(open)],
    ...(span(of.notice) > 0 ? [[texts.notice, texts.noticeText(took(span(of.notice)))] as const] : []),
    [texts.users, texts.usersText],
  ];
  return (
    <dl class="facts facts-rows">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function named(names: readonly string[]): ComponentChildren {
  return names.length === 0 ? <span class="soft">{t.act.none}</span> : <span translate={false}>{list(names)}</span>;
}

function Lines({ of }: { readonly of: readonly string[] }) {
  return (
    <>
      {of.map((line, place) => (
        <span key={place} class="line-text">
          {line}
        </span>
      ))}
    </>
  );
}
