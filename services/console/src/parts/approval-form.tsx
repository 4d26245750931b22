import { useDeed } from "../ask";
import { mayChange } from "../caller";
import { applications } from "../client";
import type { Application } from "../generated/switchover/catalog/v1/applications_pb";
import { ApprovalPolicy } from "../generated/switchover/catalog/v1/proposals_pb";
import { t } from "../language";
import { say } from "./announce";
import { Check } from "./fields";
import { FaultNote } from "./notes";

/** Whether what one person confirms needs another's approval. */
export function ApprovalForm({ application }: { readonly application: Application }) {
  const deed = useDeed();
  const needed = application.approval === ApprovalPolicy.SECOND_PERSON;
  const turn = (on: boolean): void =>
    void deed.run(async () => {
      const answer = await applications.updateApplication({
        application: {
          name: application.name,
          approval: on ? ApprovalPolicy.SECOND_PERSON : ApprovalPolicy.NOT_REQUIRED,
        },
        updateMask: { paths: ["approval"] },
        etag: application.etag,
      });
      say(answer.proposal === undefined ? t.act.saved : t.proposal.offProposed);
    });
  return (
    <div class="sheet sheet-padded">
      <Check
        label={t.settings.approval}
        hint={t.settings.approvalHint}
        checked={needed}
        disabled={!mayChange()}
        onValue={turn}
      />
      <FaultNote fault={deed.fault} />
    </div>
  );
}
