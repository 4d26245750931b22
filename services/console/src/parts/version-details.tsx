import { span, took } from "../format";
import type { Version } from "../generated/switchover/catalog/v1/applications_pb";
import { t } from "../language";
import { idOf } from "../router";
import { typedVersion } from "../version";
import { Dialog } from "./dialog";
import { Facts } from "./facts";
import { Table } from "./table";
import { Time } from "./time";

/** What is known of a version. */
export function VersionDetails({ version, onClose }: { readonly version: Version; readonly onClose: () => void }) {
  const { upstream, health, roles, appCredentials, state } = version;
  const { statuses, scopes } = typedVersion(version);
  const texts = t.versions;
  return (
    <Dialog title={`${texts.version} ${idOf(version.name)}`} onClose={onClose} wide>
      <Facts
        of={[
          [texts.state, texts.states[state]],
          [texts.backend, <code key="backend">{upstream}</code>],
          [texts.healthPath, <code key="path">{health?.path}</code>],
          [texts.statuses, <code key="statuses">{statuses}</code>],
          [texts.timeout, took(span(health?.timeout))],
          [texts.credentials, appCredentials === undefined ? texts.notNeeded : texts.needed],
          [texts.scopes, scopes === "" ? null : <code key="scopes">{scopes}</code>],
          [texts.registered, <Time key="registered" at={version.createTime} />],
          [
            texts.firstActive,
            version.firstActiveTime === undefined ? null : <Time key="first" at={version.firstActiveTime} />,
          ],
          [
            texts.lastActive,
            version.lastActiveTime === undefined ? null : <Time key="last" at={version.lastActiveTime} />,
          ],
        ]}
      />
      <Table
        caption={texts.roles}
        rows={roles}
        keyOf={({ name }) => name}
        columns={[
          { title: t.settings.role, heads: true, cell: ({ name }) => <span translate={false}>{name}</span> },
          { title: t.settings.may, cell: ({ description }) => description },
        ]}
      />
    </Dialog>
  );
}
