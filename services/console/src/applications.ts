import { all, applications, switches } from "./client";
import { VersionState, type Application, type Version } from "./generated/switchover/catalog/v1/applications_pb";
import type { Switch } from "./generated/switchover/catalog/v1/switches_pb";

/** An application with what is to be seen of it at a glance. */
export interface Glance {
  readonly application: Application;
  readonly versions: readonly Version[];
  /** The switch under way, if there is one. */
  readonly open: Switch | undefined;
}

/** Asks for all applications, their versions, and the switches under way. */
export async function glances(signal: AbortSignal): Promise<Glance[]> {
  const [known, versions, open] = await Promise.all([
    all(async (pageToken) => {
      const answer = await applications.listApplications({ pageSize: 500, pageToken }, { signal });
      return { items: answer.applications, next: answer.nextPageToken };
    }),
    versionsOf("applications/-", signal),
    all(async (pageToken) => {
      const answer = await switches.listSwitches(
        { parent: "applications/-", openOnly: true, pageSize: 500, pageToken },
        { signal },
      );
      return { items: answer.switches, next: answer.nextPageToken };
    }),
  ]);
  return known.map((application) => ({
    application,
    versions: versions.filter((version) => version.name.startsWith(`${application.name}/`)),
    open: open.find((one) => one.name.startsWith(`${application.name}/`)),
  }));
}

/** Returns what asks for one application by its short name. */
export function applicationNamed(id: string): (signal: AbortSignal) => Promise<Application | undefined> {
  return async (signal) => (await applications.getApplication({ name: `applications/${id}` }, { signal })).application;
}

/** Asks for all versions of an application, or of all by `applications/-`. */
export function versionsOf(parent: string, signal: AbortSignal): Promise<Version[]> {
  return all(async (pageToken) => {
    const answer = await applications.listVersions({ parent, pageSize: 500, pageToken }, { signal });
    return { items: answer.versions, next: answer.nextPageToken };
  });
}

/** Returns the version that an update would lead to: the one in test, else the newest that was never in use. */
export function updateOf(versions: readonly Version[]): Version | undefined {
  const fresh = versions.filter((version) => version.state === VersionState.REGISTERED);
  return versions.find((version) => version.state === VersionState.IN_TEST) ?? fresh[0];
}

/** Tells whether the version in use acts for tenants, or, where none is yet, any of them would. */
export function needsCredentials({ application, versions }: Glance): boolean {
  const active = versions.find((version) => version.name === application.activeVersion);
  return (active === undefined ? versions : [active]).some((version) => version.appCredentials !== undefined);
}

/** Finds applications by what they are called, or by their short name. */
export function matching(all: readonly Glance[], words: string): Glance[] {
  const wanted = words.trim().toLocaleLowerCase();
  return all.filter(({ application }) =>
    `${application.displayName} ${application.name}`.toLocaleLowerCase().includes(wanted),
  );
}
