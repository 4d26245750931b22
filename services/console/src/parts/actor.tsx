import { t } from "../language";
import { idIn, idOf, pathOf } from "../router";
import { caller } from "../caller";
import { Link } from "./link";

const SWITCH = /^applications\/[^/]+\/switches\/[^/]+$/;

/** Who or what did something: a switch leads to its page. */
export function Actor({ name }: { readonly name: string }) {
  if (!SWITCH.test(name)) return <>{name === "" ? t.act.none : name}</>;
  if (caller().role === "tenant-admin") return <>{t.switch.kinds[0]}</>;
  return (
    <Link to={pathOf("applications", idIn(name, "applications"), "switches", idOf(name))}>{t.switch.kinds[0]}</Link>
  );
}
