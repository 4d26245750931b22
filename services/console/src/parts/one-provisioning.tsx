import { useState } from "preact/hooks";
import { useAsk, useDeed } from "../ask";
import { mayChange } from "../caller";
import { consents, provisionings } from "../client";
import { Decision } from "../generated/switchover/provisioning/v1/consent_pb";
import { ProvisioningState, type Provisioning } from "../generated/switchover/provisioning/v1/tenants_pb";
import { t } from "../language";
import { TONES, moving } from "../provisionings";
import { idIn, idOf } from "../router";
import { Actor } from "./actor";
import { say } from "./announce";
import { Badge } from "./badge";
import { Ask, Dialog } from "./dialog";
import { Facts } from "./facts";
import { Text, wrongWith } from "./fields";
import { FaultNote, Skeleton } from "./notes";
import { ProvisioningHistory } from "./provisioning-history";
import { Time } from "./time";

type Doing = "ask" | "remove" | "accept" | "deny";

/** Everything about one tenant's use of one version. */
export function OneProvisioning({ of, onClose }: { readonly of: Provisioning; readonly onClose: () => void }) {
  const [doing, setDoing] = useState<Doing | undefined>(undefined);
  const texts = t.provisioning;
  const tenant = idIn(of.name, "tenants");
  if (doing !== undefined) return <Act doing={doing} of={of} onClose={() => setDoing(undefined)} />;
  const gone = of.state === ProvisioningState.REMOVED || of.state === ProvisioningState.DEPROVISIONING;
  return (
    <Dialog title={texts.open(tenant, idOf(of.name))} onClose={onClose} wide>
      <Facts
        of={[
          [
            texts.state,
            <Badge key="state" tone={TONES[of.state]} moving={moving(of.state)}>
              {texts.states[of.state]}
            </Badge>,
          ],
          [texts.since, <Time key="since" at={of.stateTime} />],
          [texts.by, of.stateActor === "" ? null : <Actor key="by" name={of.stateActor} />],
          [texts.basis, texts.bases[of.consentBasis]],
          [texts.offerUntil, of.offerExpireTime === undefined ? null : <Time key="until" at={of.offerExpireTime} />],
          [
            t.act.reason,
            of.stateMessage === "" ? null : (
              <span key="why" lang="en">
                {of.stateMessage}
              </span>
            ),
          ],
        ]}
      />
      {mayChange() && (
        <div class="acts">
          {!gone && (
            <button type="button" class="button button-small" onClick={() => setDoing("ask")}>
              {texts.askAgain}
            </button>
          )}
          {(of.state === ProvisioningState.PENDING_ACCEPTANCE || of.state === ProvisioningState.DENIED) && (
            <button type="button" class="button button-small" onClick={() => setDoing("accept")}>
              {texts.acceptFor}
            </button>
          )}
          {!gone && of.state !== ProvisioningState.DENIED && (
            <button type="button" class="button button-small" onClick={() => setDoing("deny")}>
              {texts.denyFor}
            </button>
          )}
          {!gone && (
            <button type="button" class="button button-small button-danger" onClick={() => setDoing("remove")}>
              {texts.remove}
            </button>
          )}
        </div>
      )}
      <ProvisioningHistory name={of.name} />
      <Visits name={of.name} />
    </Dialog>
  );
}

function Visits({ name }: { readonly name: string }) {
  const { answer, fault } = useAsk(
    `${name} visits`,
    async (signal) => (await consents.listOfferVisits({ name }, { signal })).visits,
  );
  return (
    <section class="section">
      <h3>{t.provisioning.visits}</h3>
      <FaultNote fault={fault} />
      {answer === undefined && fault === undefined && <Skeleton rows={1} />}
      {answer?.length === 0 && <p class="soft">{t.provisioning.visitsNone}</p>}
      {answer !== undefined && answer.length > 0 && (
        <ul class="plain-list">
          {answer.map((visit) => (
            <li key={`${visit.address} ${visit.userAgent}`}>
              <b>{visit.address}</b>, <Time at={visit.lastTime} />: {t.provisioning.visitLine(visit.opened, visit.sent)}
              <span class="cell-under">{visit.userAgent}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Act({
  doing,
  of,
  onClose,
}: {
  readonly doing: Doing;
  readonly of: Provisioning;
  readonly onClose: () => void;
}) {
  const [reason, setReason] = useState("");
  const deed = useDeed();
  const texts = t.provisioning;
  const tenant = idIn(of.name, "tenants");
  const run = async (act: () => Promise<unknown>, then = ""): Promise<void> => {
    const done = await deed.run(async () => {
      await act();
    });
    if (!done) return;
    onClose();
    if (then !== "") say(then);
  };
  const wrong = wrongWith(deed.fault, "reason");
  switch (doing) {
    case "ask":
      return (
        <Ask
          title={texts.askAgain}
          text={texts.askAgainAsk(tenant)}
          yes={texts.askAgain}
          deed={deed}
          onClose={onClose}
          onYes={() => void run(() => consents.askAgain({ name: of.name }), texts.askedAgain)}
        />
      );
    case "remove":
      return (
        <Ask
          title={texts.remove}
          text={texts.removeAsk(tenant)}
          yes={texts.remove}
          danger
          deed={deed}
          onClose={onClose}
          onYes={() =>
            void run(() =>
              provisionings.removeProvisioning({
                tenant: `tenants/${tenant}`,
                application: `applications/${idIn(of.name, "applications")}`,
                reason,
              }),
            )
          }
        >
          <Text
            label={t.act.reason}
            hint={texts.removeReasonHint}
            value={reason}
            onValue={setReason}
            max={500}
            wrong={wrong}
          />
        </Ask>
      );
    case "accept":
      return (
        <Ask
          title={texts.acceptFor}
          text={texts.acceptAsk(tenant)}
          yes={texts.acceptFor}
          deed={deed}
          onClose={onClose}
          onYes={() =>
            void run(() => consents.decideProvisioning({ name: of.name, decision: Decision.ACCEPT, reason }))
          }
        >
          <Text label={texts.onWord} value={reason} onValue={setReason} max={500} wrong={wrong} />
        </Ask>
      );
    case "deny":
      return (
        <Ask
          title={texts.denyFor}
          text={texts.denyAsk(tenant)}
          yes={texts.denyFor}
          danger
          deed={deed}
          onClose={onClose}
          onYes={() => void run(() => consents.decideProvisioning({ name: of.name, decision: Decision.DENY, reason }))}
        >
          <Text label={texts.onWord} value={reason} onValue={setReason} max={500} wrong={wrong} />
        </Ask>
      );
  }
}
