import { useEffect, useState } from "preact/hooks";
import { changed, useDeed } from "../ask";
import { newRequestId, proposals, switches } from "../client";
import { faultOf, type Fault } from "../fault";
import type { Application } from "../generated/switchover/catalog/v1/applications_pb";
import { ApprovalPolicy } from "../generated/switchover/catalog/v1/proposals_pb";
import { SwitchKind, type PreviewSwitchResponse } from "../generated/switchover/catalog/v1/switches_pb";
import { t } from "../language";
import { go, idOf, pathOf } from "../router";
import { say } from "./announce";
import { Dialog } from "./dialog";
import { Impact } from "./impact";
import { FaultNote, Note, Skeleton } from "./notes";
import { Reason } from "./reason";

interface Props {
  readonly application: Application;
  readonly version: string;
  /** What somebody else has proposed and this approves; none begins or proposes the switch. */
  readonly proposal?: string;
  readonly onClose: () => void;
}

/** Shows what a switch would do, asks Yes or No, and begins exactly what was shown. */
export function ConfirmSwitch({ application, version, proposal, onClose }: Props) {
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

  /** Begins what was shown; answers with the switch, or with nothing where it now waits for a second person. */
  const begun = async (shown: PreviewSwitchResponse): Promise<string | undefined> => {
    if (proposal !== undefined) {
      const answer = await proposals.approveProposal({ name: proposal, reason });
      return answer.proposal?.switch;
    }
    const request = { version, requestId, reason, etag: shown.etag };
    const answer =
      shown.kind === SwitchKind.REACTIVATE
        ? await switches.confirmReactivate(request)
        : await switches.confirmUpdate(request);
    return answer.switch?.name;
  };

  const confirm = async (shown: PreviewSwitchResponse): Promise<void> => {
    let name: string | undefined;
    let outdated = false;
    const done = await deed.run(async () => {
      try {
        name = await begun(shown);
      } catch (thrown) {
        outdated = faultOf(thrown).kind === "changed";
        throw thrown;
      }
    });
    if (done && name !== undefined) go(pathOf("applications", idOf(application.name), "switches", idOf(name)));
    else if (done) {
      onClose();
      say(t.proposal.proposed);
    } else if (outdated) {
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
  const proposes = proposal === undefined && application.approval === ApprovalPolicy.SECOND_PERSON;
  const title =
    proposal !== undefined ? t.proposal.approveTitle : back ? t.preview.reactivateTitle : t.preview.updateTitle;
  const question = proposal !== undefined ? t.proposal.askApprove : proposes ? t.proposal.ask : t.preview.ask;
  return (
    <Dialog title={title(id)} onClose={onClose} wide>
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
          {proposes && !refused && (
            <Note>
              <p>{t.proposal.needed}</p>
            </Note>
          )}
          {!refused && <Reason value={reason} onValue={setReason} fault={deed.fault} />}
          <FaultNote fault={deed.fault} />
          <div class="dialog-foot dialog-foot-ask">
            {!refused && <p class="dialog-question">{question}</p>}
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
