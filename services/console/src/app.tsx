import { useEffect, useRef } from "preact/hooks";
import { forgetAnswers } from "./ask";
import { session, type Session } from "./caller";
import { begin, signOut } from "./enter";
import { language, t } from "./language";
import { Frame } from "./parts/frame";
import { Outside } from "./parts/outside";
import { path } from "./router";
import { pageOf } from "./routes";
import { useValue } from "./value";

const AGAIN_MS = 3000;
/** Whether the console was drawn before. */
let drawn = false;

/** The console: who looks, in which language, at which page. */
export function App() {
  const now = useValue(session);
  const words = useValue(language);
  useEffect(() => {
    if (now.kind !== "away") return;
    const timer = setInterval(() => void begin(), AGAIN_MS);
    return () => clearInterval(timer);
  }, [now]);
  if (now.kind !== "known") return <Stranger key={words} session={now} />;
  return <Inside key={`${words} ${now.caller.role} ${now.caller.subject}`} />;
}

function Stranger({ session: now }: { readonly session: Exclude<Session, { kind: "known" }> }) {
  switch (now.kind) {
    case "starting":
      return <Outside title={t.frame.starting} text="" />;
    case "away":
      return <Outside title={t.frame.edgeAway} text={t.frame.edgeAwayText} />;
    case "stranger":
      if (now.message !== "")
        return (
          <Outside title={t.frame.noRoleTitle} text={t.frame.noRole}>
            <p lang="en">{now.message}</p>
            <button type="button" class="button button-main" onClick={() => void signOut()}>
              {t.frame.signOut}
            </button>
          </Outside>
        );
      if (now.loginUrl === "") return <Outside title={t.frame.noSignInTitle} text={t.frame.noSignIn} />;
      return (
        <Outside
          title={now.ended ? t.frame.endedTitle : t.frame.signedOutTitle}
          text={now.ended ? t.frame.ended : t.frame.signedOut}
          urgent={now.ended}
        >
          <a class="button button-main" href={`${now.loginUrl}?return_to=${encodeURIComponent(location.pathname)}`}>
            {t.frame.signIn}
          </a>
        </Outside>
      );
  }
}

function Inside() {
  const at = useValue(path);
  const page = pageOf(at);
  const before = useRef(page.kind);
  const first = useRef(true);

  useEffect(() => {
    // Drawn anew in another language or role: whoever chose that by the keyboard goes on from there.
    const chooser = document.querySelector<HTMLElement>(".side-foot .input");
    const heading = document.querySelector<HTMLElement>("h1");
    if (drawn) (chooser?.checkVisibility() === true ? chooser : heading)?.focus();
    drawn = true;
    return () => forgetAnswers();
  }, []);

  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    // Whoever cannot see that another page is shown is taken to its heading.
    const heading = before.current === page.kind ? "[data-arrival]" : "h1";
    before.current = page.kind;
    const target = document.querySelector<HTMLElement>(heading) ?? document.querySelector<HTMLElement>("h1");
    target?.focus({ preventScroll: true });
    if (heading === "h1") window.scrollTo(0, 0);
  }, [at]);

  return <Frame>{page.draw()}</Frame>;
}
