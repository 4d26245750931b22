import { useState } from "preact/hooks";
import { glances, matching, needsCredentials, updateOf, type Glance } from "../applications";
import { useAsk, useDeed } from "../ask";
import { mayChange } from "../caller";
import { applications, newRequestId } from "../client";
import { t } from "../language";
import { say } from "../parts/announce";
import { Badge } from "../parts/badge";
import { Dialog } from "../parts/dialog";
import { Buttons, Form, Text, wrongWith } from "../parts/fields";
import { Link } from "../parts/link";
import { Command, Empty, FaultNote, Skeleton } from "../parts/notes";
import { Table, type Column } from "../parts/table";
import { Title } from "../parts/title";
import { go, idIn, idOf, pathOf } from "../router";

const EVERY_MS = 4000;

/** My Applications: which there are, in which version, and what is under way. */
export function Applications() {
  const { answer, fault, again } = useAsk("applications", glances, EVERY_MS);
  const [words, setWords] = useState("");
  const [creating, setCreating] = useState(false);
  const found = answer === undefined ? undefined : matching(answer, words);
  const create = mayChange() && (
    <button type="button" class="button button-main" onClick={() => setCreating(true)}>
      {t.applications.create}
    </button>
  );
  return (
    <>
      <Title title={t.applications.title} intro={t.applications.intro}>
        {create}
      </Title>
      <FaultNote fault={fault} again={again} />
      {answer === undefined && fault === undefined && <Skeleton />}
      {answer?.length === 0 && (
        <Empty
          of="applications"
          title={t.applications.none}
          text={t.applications.noneText}
          command="switchover apps create --help"
        >
          {create}
        </Empty>
      )}
      {answer !== undefined && answer.length > 0 && found !== undefined && (
        <div class="section">
          <div class="bar-tools" role="search">
            <Text label={t.applications.find} value={words} onValue={setWords} />
            <p class="soft" role="status">
              {t.applications.found(found.length)}
            </p>
          </div>
          {found.length === 0 ? (
            <p>{t.applications.noneFound(words)}</p>
          ) : (
            <Table
              caption={t.applications.title}
              columns={columns()}
              rows={found}
              keyOf={(glance) => glance.application.name}
            />
          )}
        </div>
      )}
      {creating && <CreateApplication onClose={() => setCreating(false)} />}
    </>
  );
}

function columns(): Column<Glance>[] {
  const texts = t.applications;
  return [
    {
      title: texts.name,
      heads: true,
      cell: ({ application }) => (
        <>
          <Link to={pathOf("applications", idOf(application.name))}>{application.displayName}</Link>
          <span class="cell-under">{application.abstract === "" ? idOf(application.name) : application.abstract}</span>
        </>
      ),
    },
    {
      title: texts.inUse,
      cell: ({ application }) =>
        application.activeVersion === "" ? (
          <span class="soft">{texts.neverActive}</span>
        ) : (
          idOf(application.activeVersion)
        ),
    },
    {
      title: texts.labels,
      cell: (glance) => {
        const update = updateOf(glance.versions);
        const credentials = needsCredentials(glance);
        if (update === undefined && !credentials) return <span class="soft">{t.act.none}</span>;
        return (
          <span class="badges">
            {update !== undefined && glance.open === undefined && <Badge tone="accent">{texts.updateAvailable}</Badge>}
            {credentials && <Badge>{texts.appCredentials}</Badge>}
          </span>
        );
      },
    },
    { title: texts.state, cell: (glance) => <Standing glance={glance} /> },
  ];
}

function Standing({ glance: { application, open } }: { readonly glance: Glance }) {
  if (open !== undefined)
    return (
      <Link to={pathOf("applications", idOf(application.name), "switches", idOf(open.name))}>
        <Badge tone="warn" moving>
          {t.applications.switching(idIn(open.targetVersion, "versions"))}
        </Badge>
      </Link>
    );
  return (
    <span class="badges">
      {application.activeVersion === "" ? (
        <Badge>{t.applications.notStarted}</Badge>
      ) : (
        <Badge tone="good">{t.applications.steady}</Badge>
      )}
      {application.testVersion !== "" && (
        <Badge tone="accent">{t.applications.inTest(idOf(application.testVersion))}</Badge>
      )}
    </span>
  );
}

function CreateApplication({ onClose }: { readonly onClose: () => void }) {
  const [id, setId] = useState("");
  const [name, setName] = useState("");
  const [abstract, setAbstract] = useState("");
  const [requestId] = useState(newRequestId);
  const deed = useDeed();
  const texts = t.applications;
  const send = async (): Promise<void> => {
    const done = await deed.run(async () => {
      await applications.createApplication({
        applicationId: id,
        application: { displayName: name, abstract },
        requestId,
      });
    });
    if (!done) return;
    onClose();
    say(texts.created(name));
    go(pathOf("applications", id));
  };
  return (
    <Dialog title={texts.create} onClose={onClose}>
      <Form
        onSend={() => void send()}
        fault={deed.fault}
        foot={<Buttons send={t.act.create} busy={deed.busy} onCancel={onClose} />}
      >
        <Text
          label={texts.displayName}
          hint={texts.displayNameHint}
          value={name}
          onValue={setName}
          required
          max={50}
          wrong={wrongWith(deed.fault, "display_name")}
        />
        <Text
          label={texts.id}
          hint={texts.idHint}
          value={id}
          onValue={setId}
          required
          max={20}
          code
          wrong={wrongWith(deed.fault, "application_id")}
        />
        <Text
          label={texts.abstract}
          hint={texts.abstractHint}
          value={abstract}
          onValue={setAbstract}
          rows={3}
          max={500}
          wrong={wrongWith(deed.fault, "abstract")}
        />
        <Command text={`switchover apps create ${id === "" ? "shop" : id}`} />
      </Form>
    </Dialog>
  );
}
