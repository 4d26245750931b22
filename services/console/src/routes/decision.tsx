import { useState } from "preact/hooks";
import { useAsk, useDeed } from "../ask";
import { caller } from "../caller";
import { applications, consents, provisionings, tenants } from "../client";
import {
  Decision as Choice,
  type DecideProvisioningResponse,
  type OfferStatus,
} from "../generated/switchover/provisioning/v1/consent_pb";
import { ProvisioningState, type Provisioning } from "../generated/switchover/provisioning/v1/tenants_pb";
import { list } from "../format";
import { t } from "../language";
import { Actor } from "../parts/actor";
import { Badge } from "../parts/badge";
import { Facts } from "../parts/facts";
import { Buttons, Choices, Form, Text } from "../parts/fields";
import { Link } from "../parts/link";
import { FaultNote, Note, Skeleton } from "../parts/notes";
import { ProvisioningHistory } from "../parts/provisioning-history";
import { Reason } from "../parts/reason";
import { Table } from "../parts/table";
import { Time } from "../parts/time";
import { Title } from "../parts/title";
import { moving, TONES } from "../provisionings";
import { idOf } from "../router";

const EVERY_MS = 3000;

/** A tenant's decision about a version, with the care of the page behind a mail's link. */
export function Decision({ application, version }: { readonly application: string; readonly version: string }) {
  const tenant = caller().subject;
  const name = `${tenant}/applications/${application}/provisionings/${version}`;
  const { answer, fault, again } = useAsk(
    name,
    async (signal) => (await provisionings.getProvisioning({ name }, { signal })).provisioning,
    EVERY_MS,
  );
  const about = useAsk(tenant, async (signal) => (await tenants.getTenant({ name: tenant }, { signal })).tenant).answer;
  const [taken, setTaken] = useState<DecideProvisioningResponse | undefined>(undefined);
  const open =
    answer !== undefined &&
    answer.state !== ProvisioningState.REMOVED &&
    answer.state !== ProvisioningState.DEPROVISIONING;
  return (
    <>
      <Title
        title={t.agreements.about(application, version)}
        above={
          <Link to="/" class="crumb">
            {t.agreements.title}
          </Link>
        }
        beside={
          answer !== undefined && (
            <Badge tone={TONES[answer.state]} moving={moving(answer.state)}>
              {t.provisioning.states[answer.state]}
            </Badge>
          )
        }
      />
      <FaultNote fault={fault} again={again} />
      {answer === undefined && fault === undefined && <Skeleton tall />}
      {taken !== undefined && <Taken of={taken} />}
      {answer !== undefined && (
        <>
          <Facts
            of={[
              [t.provisioning.state, t.provisioning.states[answer.state]],
              [t.provisioning.since, <Time key="since" at={answer.stateTime} />],
              [t.provisioning.basis, t.provisioning.bases[answer.consentBasis]],
              [t.provisioning.by, answer.stateActor === "" ? null : <Actor key="by" name={answer.stateActor} />],
            ]}
          />
          {open && (
            <Decide
              key={String(answer.state)}
              of={answer}
              application={application}
              version={version}
              tenant={about?.displayName ?? idOf(tenant)}
              people={about?.users ?? 0n}
              onTaken={setTaken}
            />
          )}
          <Roles application={application} />
          <div class="sheet sheet-padded">
            <ProvisioningHistory name={name} />
          </div>
        </>
      )}
    </>
  );
}

function Taken({ of }: { readonly of: DecideProvisioningResponse }) {
  const status: OfferStatus = of.status;
  return (
    <div role="status">
      <Note
        tone={
          of.provisioning?.state === ProvisioningState.DENIED ||
          of.provisioning?.state === ProvisioningState.DEPROVISIONING
            ? "warn"
            : "good"
        }
      >
        <p class="note-title">{t.agreements.outcomes[status]}</p>
        {of.outstandingGateways.length > 0 && <p>{list(of.outstandingGateways.map(idOf))}</p>}
      </Note>
    </div>
  );
}

interface DecideProps {
  readonly of: Provisioning;
  readonly application: string;
  readonly version: string;
  readonly tenant: string;
  readonly people: bigint;
  readonly onTaken: (answer: DecideProvisioningResponse) => void;
}

function Decide({ of, application, version, tenant, people, onTaken }: DecideProps) {
  const [choice, setChoice] = useState<"accept" | "deny" | undefined>(undefined);
  const [word, setWord] = useState("");
  const [reason, setReason] = useState("");
  const [tried, setTried] = useState(false);
  const deed = useDeed();
  const texts = t.agreements;
  const right = word.trim().toLowerCase() === application;
  const send = (): void => {
    setTried(true);
    if (choice === undefined || !right) return;
    const decision = choice === "accept" ? Choice.ACCEPT : Choice.DENY;
    void deed.run(async () => onTaken(await consents.decideProvisioning({ name: of.name, decision, reason })));
  };
  return (
    <section class="sheet sheet-padded" aria-labelledby="decide-title">
      <h2 id="decide-title">{texts.acceptTitle(application, version)}</h2>
      <div>
        <h3>{texts.denyingDoes}</h3>
        <p>
          {texts.denyingText(tenant, application, version)} {people > 0n && texts.people(people)}
        </p>
      </div>
      <Form onSend={send} fault={deed.fault} foot={<Buttons send={texts.send} busy={deed.busy} />}>
        <Choices
          legend={texts.question(tenant)}
          value={choice}
          onValue={setChoice}
          wrong={tried && choice === undefined ? texts.chooseFirst : undefined}
          options={[
            { value: "accept", label: texts.accept(version), hint: texts.acceptDoes(tenant, version) },
            { value: "deny", label: texts.deny(version), hint: texts.denyDoes(tenant, application, version) },
          ]}
        />
        <Reason value={reason} onValue={setReason} />
        <div class="section">
          <p>
            {texts.word} <b translate={false}>{application}</b>
          </p>
          <Text
            label={texts.wordLabel}
            value={word}
            onValue={setWord}
            max={100}
            code
            wrong={tried && !right ? texts.wordWrong(application) : undefined}
          />
        </div>
      </Form>
    </section>
  );
}

function Roles({ application }: { readonly application: string }) {
  const answer = useAsk(`applications/${application} settings`, (signal) =>
    applications.getSettings({ application: `applications/${application}` }, { signal }),
  ).answer;
  if (answer === undefined || answer.roles.length === 0) return null;
  return (
    <section class="section" aria-labelledby="roles-title">
      <h2 id="roles-title">{t.agreements.roles}</h2>
      <Table
        caption={t.agreements.roles}
        rows={answer.roles}
        keyOf={(role) => role.name}
        columns={[
          { title: t.settings.role, heads: true, cell: (role) => <span translate={false}>{role.name}</span> },
          { title: t.settings.may, cell: (role) => role.description },
        ]}
      />
    </section>
  );
}
