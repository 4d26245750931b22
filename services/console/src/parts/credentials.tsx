import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { useState } from "preact/hooks";
import { versionsOf } from "../applications";
import { useAsk, useDeed } from "../ask";
import { mayChange } from "../caller";
import { credentials, newRequestId } from "../client";
import { clock, durationOf, millis } from "../format";
import type { Application, Version } from "../generated/switchover/catalog/v1/applications_pb";
import type { AppCredential } from "../generated/switchover/provisioning/v1/tenants_pb";
import { t } from "../language";
import { readNumber } from "../policy";
import { idOf } from "../router";
import { Badge } from "./badge";
import { Ask } from "./dialog";
import { Moment, Text, wrongWith } from "./fields";
import { FaultNote, Skeleton } from "./notes";
import { Table, type Column } from "./table";
import { ShownOnce } from "./testing";
import { Time } from "./time";

type Doing =
  | { readonly what: "issue"; readonly version: string }
  | { readonly what: "rotate" | "revoke"; readonly pair: AppCredential };

/** Client ids and secrets of the versions whose backends act for tenants. */
export function Credentials({ application }: { readonly application: Application }) {
  const { answer, fault, again } = useAsk(`${application.name} versions`, (signal) =>
    versionsOf(application.name, signal),
  );
  const needing = answer?.filter((version) => version.appCredentials !== undefined);
  return (
    <section class="section" aria-labelledby="credentials-title">
      <div>
        <h2 id="credentials-title">{t.settings.credentials}</h2>
        <p class="soft">{needing?.length === 0 ? t.settings.credentialsNone : t.settings.credentialsText}</p>
      </div>
      <FaultNote fault={fault} again={again} />
      {needing?.map((version) => (
        <Pairs key={version.name} version={version} />
      ))}
    </section>
  );
}

function Pairs({ version }: { readonly version: Version }) {
  const { answer, fault, again } = useAsk(
    `${version.name} credentials`,
    async (signal) =>
      (await credentials.listAppCredentials({ parent: version.name, pageSize: 500 }, { signal })).credentials,
  );
  const [doing, setDoing] = useState<Doing | undefined>(undefined);
  const id = idOf(version.name);
  return (
    <div class="section">
      <div class="section-head">
        <h3>
          {t.versions.version} {id}{" "}
          <span class="badges scopes">
            {version.appCredentials?.scopes.map((scope) => (
              <Badge key={scope}>{scope}</Badge>
            ))}
          </span>
        </h3>
        {mayChange() && (
          <button
            type="button"
            class="button button-small"
            aria-label={`${t.settings.issue}: ${id}`}
            onClick={() => setDoing({ what: "issue", version: version.name })}
          >
            {t.settings.issue}
          </button>
        )}
      </div>
      <FaultNote fault={fault} again={again} />
      {answer === undefined && fault === undefined && <Skeleton rows={1} />}
      {answer?.length === 0 && <p class="soft">{t.settings.credentialsNoPair}</p>}
      {answer !== undefined && answer.length > 0 && (
        <Table
          caption={`${t.settings.credentials}, ${id}`}
          rows={answer}
          keyOf={({ name }) => name}
          columns={columns(setDoing)}
        />
      )}
      {doing !== undefined && <Act doing={doing} onClose={() => setDoing(undefined)} />}
    </div>
  );
}

function columns(act: (doing: Doing) => void): Column<AppCredential>[] {
  const texts = t.settings;
  return [
    {
      title: texts.clientId,
      heads: true,
      cell: ({ clientId, previousSecretExpireTime, expireTime, revokeTime }) => (
        <>
          <code>{clientId}</code>
          {previousSecretExpireTime !== undefined && millis(previousSecretExpireTime) > Date.now() && (
            <span class="cell-under">{texts.overlap(clock(previousSecretExpireTime))}</span>
          )}
          {revokeTime === undefined && expireTime !== undefined && millis(expireTime) > Date.now() && (
            <span class="cell-under">{texts.expiresAt(clock(expireTime))}</span>
          )}
        </>
      ),
    },
    { title: texts.issued, cell: ({ createTime }) => <Time at={createTime} /> },
    {
      title: texts.rotated,
      cell: ({ rotateTime }) => (rotateTime === undefined ? texts.never : <Time at={rotateTime} />),
    },
    {
      title: texts.used,
      cell: ({ lastUsedTime }) => (lastUsedTime === undefined ? texts.never : <Time at={lastUsedTime} />),
    },
    {
      title: t.act.actions,
      actions: true,
      cell: (pair) =>
        pair.revokeTime !== undefined ? (
          <Badge tone="bad">{texts.revokedSince}</Badge>
        ) : pair.expireTime !== undefined && millis(pair.expireTime) <= Date.now() ? (
          <Badge tone="bad">{texts.expired}</Badge>
        ) : mayChange() ? (
          <>
            <button
              type="button"
              class="button button-small"
              aria-label={`${texts.rotate}: ${pair.clientId}`}
              onClick={() => act({ what: "rotate", pair })}
            >
              {texts.rotate}
            </button>
            <button
              type="button"
              class="button button-small button-danger"
              aria-label={`${texts.revoke}: ${pair.clientId}`}
              onClick={() => act({ what: "revoke", pair })}
            >
              {texts.revoke}
            </button>
          </>
        ) : null,
    },
  ];
}

function Act({ doing, onClose }: { readonly doing: Doing; readonly onClose: () => void }) {
  const [shown, setShown] = useState<readonly (readonly [string, string])[] | undefined>(undefined);
  const [requestId] = useState(newRequestId);
  const [expires, setExpires] = useState<Date | undefined>(undefined);
  const [hours, setHours] = useState("24");
  const deed = useDeed();
  const texts = t.settings;
  const overlap = readNumber(hours);
  if (shown !== undefined) return <ShownOnce title={texts.credentials} secrets={shown} onClose={onClose} />;
  const show = (clientId: string, secret: string): void =>
    setShown([
      [t.versions.clientId, clientId],
      [t.versions.clientSecret, secret],
    ]);
  switch (doing.what) {
    case "issue": {
      const issue = async (): Promise<void> => {
        const answer = await credentials.createAppCredential({
          parent: doing.version,
          requestId,
          ...(expires === undefined ? {} : { expireTime: timestampFromDate(expires) }),
        });
        show(answer.credential?.clientId ?? "", answer.clientSecret);
      };
      return (
        <Ask
          title={texts.issue}
          text={texts.issueAsk(idOf(doing.version))}
          yes={texts.issue}
          deed={deed}
          onClose={onClose}
          onYes={() => void deed.run(issue)}
        >
          <Moment
            label={texts.expires}
            hint={texts.expiresHint}
            onValue={setExpires}
            wrong={wrongWith(deed.fault, "expire_time")}
          />
        </Ask>
      );
    }
    case "rotate": {
      const rotate = async (): Promise<void> => {
        const answer = await credentials.rotateAppCredential({
          name: doing.pair.name,
          requestId,
          ...(typeof overlap === "number" ? { overlap: durationOf(overlap * 3_600_000) } : {}),
        });
        show(answer.credential?.clientId ?? "", answer.clientSecret);
      };
      return (
        <Ask
          title={`${texts.rotate}: ${doing.pair.clientId}`}
          text={texts.rotateAsk}
          yes={texts.rotate}
          deed={deed}
          onClose={onClose}
          onYes={() => {
            if (overlap !== undefined) void deed.run(rotate);
          }}
        >
          <Text
            label={texts.rotateOverlap}
            hint={texts.rotateOverlapHint}
            unit={texts.hours}
            keys="decimal"
            value={hours}
            onValue={setHours}
            wrong={overlap === undefined ? texts.numbers.number : wrongWith(deed.fault, "overlap")}
          />
        </Ask>
      );
    }
    case "revoke": {
      const revoke = async (): Promise<void> => {
        const done = await deed.run(async () => {
          await credentials.revokeAppCredential({ name: doing.pair.name });
        });
        if (done) onClose();
      };
      return (
        <Ask
          title={`${texts.revoke}: ${doing.pair.clientId}`}
          text={texts.revokeAsk}
          yes={texts.revoke}
          danger
          deed={deed}
          onClose={onClose}
          onYes={() => void revoke()}
        />
      );
    }
  }
}
