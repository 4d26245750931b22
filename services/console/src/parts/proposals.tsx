import { useState } from "preact/hooks";
import { useAsk, useDeed } from "../ask";
import { caller, mayChange } from "../caller";
import { proposals } from "../client";
import { clock } from "../format";
import type { Application } from "../generated/switchover/catalog/v1/applications_pb";
import { ProposalKind, type Proposal } from "../generated/switchover/catalog/v1/proposals_pb";
import { t } from "../language";
import { idOf } from "../router";
import { Ask } from "./dialog";
import { ConfirmSwitch } from "./confirm-switch";
import { Note } from "./notes";
import { Reason } from "./reason";

const EVERY_MS = 4000;

/** What waits for a second person. */
export function Proposals({ application }: { readonly application: Application }) {
  const parent = application.name;
  const { answer } = useAsk(
    `${parent} proposals`,
    async (signal) => (await proposals.listProposals({ parent, openOnly: true }, { signal })).proposals,
    EVERY_MS,
  );
  return (
    <>
      {answer?.map((proposal) => (
        <Waiting key={proposal.name} proposal={proposal} application={application} />
      ))}
    </>
  );
}

interface WaitingProps {
  readonly proposal: Proposal;
  readonly application: Application;
}

function Waiting({ proposal, application }: WaitingProps) {
  const [doing, setDoing] = useState<"approve" | "end" | undefined>(undefined);
  const own = proposal.proposedBy === caller().subject;
  const close = (): void => setDoing(undefined);
  return (
    <Note tone="warn">
      <p class="note-title">{t.proposal.kinds[proposal.kind](proposal.proposedBy, idOf(proposal.version))}</p>
      {proposal.reason !== "" && <p>{proposal.reason}</p>}
      <p>
        {own && t.proposal.yours} {proposal.expireTime !== undefined && t.proposal.until(clock(proposal.expireTime))}
      </p>
      {mayChange() && (
        <div class="acts">
          {!own && (
            <button type="button" class="button button-small button-main" onClick={() => setDoing("approve")}>
              {t.proposal.approve}
            </button>
          )}
          <button type="button" class="button button-small" onClick={() => setDoing("end")}>
            {own ? t.proposal.withdraw : t.proposal.reject}
          </button>
        </div>
      )}
      {doing === "end" && <End proposal={proposal} own={own} onClose={close} />}
      {doing === "approve" &&
        (proposal.kind === ProposalKind.APPROVAL_OFF ? (
          <ApproveOff proposal={proposal} onClose={close} />
        ) : (
          <ConfirmSwitch
            application={application}
            version={proposal.version}
            proposal={proposal.name}
            onClose={close}
          />
        ))}
    </Note>
  );
}

function End({
  proposal,
  own,
  onClose,
}: {
  readonly proposal: Proposal;
  readonly own: boolean;
  readonly onClose: () => void;
}) {
  const [reason, setReason] = useState("");
  const deed = useDeed();
  const run = async (): Promise<void> => {
    const done = await deed.run(async () => {
      await proposals.rejectProposal({ name: proposal.name, reason });
    });
    if (done) onClose();
  };
  const verb = own ? t.proposal.withdraw : t.proposal.reject;
  return (
    <Ask
      title={verb}
      text={own ? t.proposal.withdrawAsk : t.proposal.rejectAsk(proposal.proposedBy)}
      yes={verb}
      danger
      deed={deed}
      onYes={() => void run()}
      onClose={onClose}
    >
      <Reason value={reason} onValue={setReason} fault={deed.fault} />
    </Ask>
  );
}

function ApproveOff({ proposal, onClose }: { readonly proposal: Proposal; readonly onClose: () => void }) {
  const deed = useDeed();
  const run = async (): Promise<void> => {
    const done = await deed.run(async () => {
      await proposals.approveProposal({ name: proposal.name });
    });
    if (done) onClose();
  };
  return (
    <Ask
      title={t.proposal.approve}
      text={t.proposal.approveOff}
      yes={t.proposal.approve}
      deed={deed}
      onYes={() => void run()}
      onClose={onClose}
    />
  );
}
