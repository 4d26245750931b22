import { t } from "../language";
import { Link } from "../parts/link";
import { Title } from "../parts/title";

/** There is no such page. */
export function NotHere() {
  return (
    <>
      <Title title={t.frame.notHere} intro={t.frame.notHereText} />
      <p>
        <Link to="/" class="button button-main">
          {t.frame.toStart}
        </Link>
      </p>
    </>
  );
}
