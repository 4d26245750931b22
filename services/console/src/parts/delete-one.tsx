import { versionsOf } from "../applications";
import { all, applications, provisionings, tenants } from "../client";
import { list } from "../format";
import type { Application, Version } from "../generated/switchover/catalog/v1/applications_pb";
import { ProvisioningState, type Tenant } from "../generated/switchover/provisioning/v1/tenants_pb";
import { t } from "../language";
import { go, idIn, idOf } from "../router";
import { say } from "./announce";
import { Delete, type Doomed } from "./delete";
import { Time } from "./time";

/** Deletes a version that nobody reaches or has reached. */
export function DeleteVersion({ version, onClose }: { readonly version: Version; readonly onClose: () => void }) {
  const { name } = version;
  const id = idOf(name);
  const look = async (): Promise<Doomed> => {
    const of = (await applications.getVersion({ name })).version ?? version;
    return {
      etag: of.etag,
      facts: [
        [t.versions.state, t.versions.states[of.state]],
        [t.versions.backend, <code key="backend">{of.upstream}</code>],
        [
          t.versions.roles,
          <span key="roles" translate={false}>
            {list(of.roles.map((role) => role.name))}
          </span>,
        ],
        [t.versions.since, <Time key="since" at={of.createTime} />],
      ],
    };
  };
  return (
    <Delete
      title={`${t.versions.remove}: ${id}`}
      text={t.versions.removeAsk}
      word={id}
      look={look}
      act={(etag) => applications.deleteVersion({ name, etag })}
      onDone={() => say(t.versions.removed(id))}
      onClose={onClose}
    />
  );
}

/** Deletes an application that never was in use. */
export function DeleteApplication({
  application,
  onClose,
}: {
  readonly application: Application;
  readonly onClose: () => void;
}) {
  const { name, displayName } = application;
  const look = async (): Promise<Doomed> => {
    const [of, versions] = await Promise.all([
      applications.getApplication({ name }).then((answer) => answer.application ?? application),
      versionsOf(name, new AbortController().signal),
    ]);
    return {
      etag: of.etag,
      facts: [
        [t.applications.displayName, of.displayName],
        [t.versions.title, versions.length === 0 ? t.act.none : list(versions.map((version) => idOf(version.name)))],
        [t.versions.since, <Time key="since" at={of.createTime} />],
      ],
      ...(of.generation > 0n ? { hindered: t.settings.removeNot } : {}),
    };
  };
  return (
    <Delete
      title={`${t.settings.remove}: ${displayName}`}
      text={t.settings.removeAsk}
      word={idOf(name)}
      look={look}
      act={(etag) => applications.deleteApplication({ name, etag })}
      onDone={() => {
        go("/");
        say(t.settings.removed(displayName));
      }}
      onClose={onClose}
    />
  );
}

/** Deletes a tenant that uses nothing any more. */
export function DeleteTenant({ tenant, onClose }: { readonly tenant: Tenant; readonly onClose: () => void }) {
  const { name, displayName } = tenant;
  const look = async (): Promise<Doomed> => {
    const [of, uses] = await Promise.all([
      tenants.getTenant({ name }).then((answer) => answer.tenant ?? tenant),
      all(async (pageToken) => {
        const page = await provisionings.listProvisionings({ parent: name, pageSize: 1000, pageToken });
        return { items: page.provisionings, next: page.nextPageToken };
      }),
    ]);
    const left = uses.filter(
      ({ state }) => state !== ProvisioningState.REMOVED && state !== ProvisioningState.DEPROVISIONING,
    );
    const used = [...new Set(left.map((one) => idIn(one.name, "applications")))];
    return {
      etag: of.etag,
      facts: [
        [t.tenants.name, `${of.displayName} (${idOf(name)})`],
        [t.tenants.contacts, of.contacts.length === 0 ? t.act.none : list(of.contacts.map((contact) => contact.email))],
        [t.tenants.since, <Time key="since" at={of.createTime} />],
      ],
      ...(used.length > 0 ? { hindered: t.tenants.inUse(list(used)) } : {}),
    };
  };
  return (
    <Delete
      title={`${t.tenants.remove}: ${displayName}`}
      text={t.tenants.removeAsk}
      word={idOf(name)}
      look={look}
      act={(etag) => tenants.deleteTenant({ name, etag })}
      onDone={() => say(t.tenants.removed(displayName))}
      onClose={onClose}
    />
  );
}
