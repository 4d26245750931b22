import { useDeed } from "../ask";
import { mayChange } from "../caller";
import { applications } from "../client";
import type { Application } from "../generated/switchover/catalog/v1/applications_pb";
import { ApprovalPolicy } from "../generated/switchover/catalog/v1/proposals_pb";
import { t } from "../language";
import { useWish } from "../wish";
import { say } from "./announce";
import { Check } from "./fields";
import { FaultNote } from "./notes";

/** Whether what one person confirms needs another's approval. */
export function ApprovalForm({ application }: { readonly application: Application }) {
  const deed = useDeed();
  const [needed, wish] = useWish(application.approval === ApprovalPolicy.SECOND_PERSON);
  const turn = async (on: boolean): Promise<void> => {
    wish(on);
    let proposed = false;
    const done = await deed.run(async () => {
      const approval = on ? ApprovalPolicy.SECOND_PERSON : ApprovalPolicy.NOT_REQUIRED;
      const answer = await applications.updateApplication({
        application: { name: application.name, approval },
        updateMask: { paths: ["approval"] },
        etag: application.etag,
      });
      proposed = answer.proposal !== undefined;
    });
    if (!done || proposed) wish(undefined);
    if (done) say(proposed ? t.proposal.offProposed : t.act.saved);
  };
  return (
    <div class="sheet sheet-padded">
      <Check
        label={t.settings.approval}
        hint={t.settings.approvalHint}
        checked={needed}
        disabled={!mayChange()}
        onValue={(on) => void turn(on)}
      />
      <FaultNote fault={deed.fault} />
    </div>
  );
}
